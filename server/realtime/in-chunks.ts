/** To write to thousands in one turn of the event loop would hold up everybody else. */
export const CHUNK = 50;

/** Acts on each, the first ones before it returns. */
export async function inChunks<Item>(items: Item[], act: (item: Item) => void): Promise<void> {
  for (let start = 0; start < items.length; start += CHUNK) {
    if (start > 0) await nextTurn();
    for (const item of items.slice(start, start + CHUNK)) act(item);
  }
}

/** When all that has come in meanwhile has been seen to. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
