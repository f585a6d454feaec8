export { listNodes } from '../store/nodes.ts';
