/** At how many of a variant its stock is low, unless it says otherwise. */
export const lowStockThreshold = 20
