export { findCookieSession, type CookieSession } from '../store/cookie-sessions.ts';
