import { sql } from "drizzle-orm"
import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core"

import type { Id } from "#lib/id.ts"

import type { PriceStep } from "./rates.ts"

/** Where the shop sends to: groups of areas with the same methods. */
export const shippingZones = sqliteTable(
  "shipping_zones",
  {
    id: text().$type<Id<"shippingZone">>().primaryKey(),
    name: text().notNull(),
    /** Counts what staff change of it, its areas included. */
    version: integer().notNull().default(1),
    createdAt: text().notNull(),
    updatedAt: text().notNull(),
  },
  (t) => [index("shipping_zones_created").on(t.createdAt, t.id)],
)

/** The areas of zones. `country` is `*` for the whole world; `state` and `postalPrefix` are empty for all. */
export const shippingAreas = sqliteTable(
  "shipping_areas",
  {
    country: text().notNull(),
    state: text().notNull(),
    postalPrefix: text().notNull(),
    zoneId: text()
      .$type<Id<"shippingZone">>()
      .notNull()
      .references(() => shippingZones.id),
  },
  (t) => [
    primaryKey({ columns: [t.country, t.state, t.postalPrefix, t.zoneId] }),
    index("shipping_areas_zone").on(t.zoneId),
  ],
)

/** Ways to send things to a zone. Amounts in minor units; `steps` by grams (`weight`) or minor units (`total`). */
export const shippingMethods = sqliteTable(
  "shipping_methods",
  {
    id: text().$type<Id<"shippingMethod">>().primaryKey(),
    zoneId: text()
      .$type<Id<"shippingZone">>()
      .notNull()
      .references(() => shippingZones.id),
    name: text().notNull(),
    description: text().notNull(),
    type: text({ enum: ["flat", "weight", "total", "pickup"] }).notNull(),
    amount: integer().notNull(),
    steps: text({ mode: "json" }).$type<PriceStep[]>().notNull(),
    freeFromAmount: integer(),
    minDays: integer(),
    maxDays: integer(),
    taxClass: text().notNull(),
    position: integer().notNull(),
    isActive: integer({ mode: "boolean" }).notNull(),
    /** Counts what staff change of it. */
    version: integer().notNull().default(1),
    createdAt: text().notNull(),
    updatedAt: text().notNull(),
  },
  (t) => [
    index("shipping_methods_zone").on(t.zoneId, t.position, t.id),
    index("shipping_methods_created").on(t.createdAt, t.id),
    index("shipping_methods_active")
      .on(t.zoneId)
      .where(sql`is_active = 1`),
  ],
)
