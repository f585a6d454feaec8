import { ApiError, request } from './api.js';

/** The session cannot be used or renewed any more: only signing in helps. */
export class SessionOver extends Error {}

/** One sign-in. Its tokens are in these fields and nowhere else. */
export class Session {
  #accessToken;
  #refreshToken;
  #deviceId;
  #refreshing = null;

  /** @param answer what `verify-otp` answered */
  constructor(answer, deviceId) {
    this.#deviceId = deviceId;
    this.#refreshToken = answer.refresh_token;
    this.user = answer.user;
    this.#take(answer);
  }

  get accessToken() {
    return this.#accessToken;
  }

  /** Many at once are one. @throws {SessionOver | ApiError} */
  refresh() {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  /** With a new access token, once, where the old one is refused. @throws {SessionOver | ApiError} */
  async request(method, path) {
    const ask = () => request(method, path, { token: this.#accessToken, deviceId: this.#deviceId });
    try {
      return await ask();
    } catch (error) {
      if (!isRefused(error)) throw error;
      await this.refresh();
      return ask();
    }
  }

  /** The refresh token goes along: it is enough by itself when the access token has expired. */
  async logOut() {
    const options = {
      token: this.#accessToken,
      deviceId: this.#deviceId,
      body: { refresh_token: this.#refreshToken },
    };
    await orSessionOver(request('POST', '/api/v2/auth/logout', options));
  }

  async #refresh() {
    const body = { refresh_token: this.#refreshToken };
    const options = { body, deviceId: this.#deviceId };
    this.#take(await orSessionOver(request('POST', '/api/v2/auth/refresh', options)));
  }

  #take({ access_token: accessToken, expires_in: expiresInSeconds }) {
    this.#accessToken = accessToken;
    this.expiresAt = new Date(Date.now() + expiresInSeconds * 1000);
  }
}

async function orSessionOver(answer) {
  try {
    return await answer;
  } catch (error) {
    throw isRefused(error) ? new SessionOver(error.message) : error;
  }
}

function isRefused(error) {
  return error instanceof ApiError && error.status === 401;
}
