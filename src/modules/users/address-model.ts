import { z } from "zod"

import { id, Instant, line, pageOf, pageQuery, spelled } from "#lib/shapes.ts"

const Text = (max: number) => z.string().trim().max(max, `At most ${max} characters.`)

const fields = {
  first_name: Text(150).meta({ example: "Ada" }),
  last_name: Text(150).meta({ example: "Lovelace" }),
  address_line_1: line(255).meta({ example: "12 St James's Square" }),
  address_line_2: Text(255),
  city: line(120).meta({ example: "London" }),
  state: Text(120),
  postal_code: Text(20).meta({ example: "SW1Y 4JH" }),
  country: z
    .string()
    .trim()
    .toUpperCase()
    .regex(/^[A-Z]{2}$/, "A two-letter country code (ISO 3166-1).")
    .meta({ type: "string", example: "GB" }),
  phone_number: Text(32),
}

/** Where an order goes: a snapshot, kept with the order. */
export const Address = z
  .object({
    ...fields,
    first_name: fields.first_name.default(""),
    last_name: fields.last_name.default(""),
    address_line_2: fields.address_line_2.default(""),
    state: fields.state.default(""),
    postal_code: fields.postal_code.default(""),
    phone_number: fields.phone_number.default(""),
  })
  .meta({ id: "Address" })
export type Address = z.infer<typeof Address>

const spellings = { street: "address_line_1", zip_code: "postal_code", phone: "phone_number" }

/** The same on its way in, in any of its spellings. */
const AddressInput = spelled(spellings, Address)

/**
 * An address for an order: in full, or the id of one in the caller's address book. Not a union, whose refusal would
 * name no field of the address.
 */
export const AddressOrId = z
  .unknown()
  .transform((given, refinement): string | Address => {
    if (typeof given === "string" || typeof given === "number") return String(given).trim()
    const read = AddressInput.safeParse(given)
    if (read.success) return read.data
    for (const { path, message } of read.error.issues)
      refinement.addIssue({ code: "custom", path, message })
    return z.NEVER
  })
  .meta({
    anyOf: [{ type: "string" }, { $ref: "#/components/schemas/Address" }],
    description: "An address, or the id of one in your address book",
    example: {
      first_name: "Ada",
      last_name: "Lovelace",
      address_line_1: "12 St James's Square",
      city: "London",
      postal_code: "SW1Y 4JH",
      country: "GB",
    },
  })

const IsDefault = z.boolean({ error: "Must be true or false." })

/** An address for the book. */
export const NewAddress = spelled(
  spellings,
  z.object({ ...Address.shape, is_default: IsDefault.default(false) }),
).meta({
  example: {
    first_name: "Ada",
    last_name: "Lovelace",
    address_line_1: "12 St James's Square",
    city: "London",
    postal_code: "SW1Y 4JH",
    country: "GB",
    phone_number: "+442079460000",
    is_default: true,
  },
})
export type NewAddress = z.infer<typeof NewAddress>

/** What changes of an address; what is left out stays. */
export const AddressChanges = spelled(
  spellings,
  z.object({ ...fields, is_default: IsDefault }).partial(),
).meta({ example: { city: "Paris", country: "FR" } })
export type AddressChanges = z.infer<typeof AddressChanges>

/** An address of the caller's address book. */
export const SavedAddress = z
  .object({
    id: id("address", "adr_01kaeq4w8s0000000000000000"),
    ...fields,
    is_default: z.boolean().meta({ description: "Exactly one is", example: true }),
    created_at: Instant,
    updated_at: Instant,
  })
  .meta({ id: "SavedAddress" })
export type SavedAddress = z.infer<typeof SavedAddress>
/** A page of addresses. */
export const AddressPage = pageOf(SavedAddress, "AddressPage")

/** Which page of addresses. */
export const AddressQuery = z.object(pageQuery)
export type AddressQuery = z.infer<typeof AddressQuery>

/** The address that is the default now. */
export const DefaultSet = z
  .object({ message: z.string(), detail: z.string(), address: SavedAddress })
  .meta({ id: "DefaultAddressSet" })
export type DefaultSet = z.infer<typeof DefaultSet>
