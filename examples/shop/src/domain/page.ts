/** A page of a list that grows while it is read: no row is skipped or shown twice. */
export interface Page<Item> {
  items: Item[];
  /** Where the next page begins, to be handed back as `after`; null on the last one. */
  next: string | null;
}
