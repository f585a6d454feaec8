/** What `datetime-local` has as its value: in the time of whoever looks at it, without a zone. */
export function toLocalInput(date) {
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 16);
}
