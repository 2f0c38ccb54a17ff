/** The migrations that this version needs, in their order. Apart from their statements, which most starts never load. */
export const neededMigrations = ["0001-core", "0002-effects"] as const;
