/** Whether this is how its bytes are written: decoders overlook foreign characters and a changed last bit. */
export function isOneForm(text: string): boolean {
  return Buffer.from(text, 'base64url').toString('base64url') === text;
}
