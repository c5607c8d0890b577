/** Phones as people read them. */
export interface Phones {
  /** By the spelling that was given; one that cannot be read is left out. */
  written(phones: readonly string[]): Promise<ReadonlyMap<string, string>>;
}
