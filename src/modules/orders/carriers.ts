type Carrier = { name: string; page: (number: string) => string; form: RegExp }

/** What tracking numbers look like anywhere: letters and digits. */
const anyForm = /^[0-9A-Z]{4,40}$/

/** Carriers whose page about a parcel is known, by their name without anything but letters and digits. */
const carriers: Record<string, Carrier> = {
  ups: {
    name: "UPS",
    page: (number) => `https://www.ups.com/track?tracknum=${number}`,
    form: /^(?:1Z[0-9A-Z]{16}|T\d{10}|\d{9}|\d{12}|\d{18,34})$/,
  },
  usps: {
    name: "USPS",
    page: (number) => `https://tools.usps.com/go/TrackConfirmAction?tLabels=${number}`,
    form: /^(?:\d{20,34}|[A-Z]{2}\d{9}US)$/,
  },
  fedex: {
    name: "FedEx",
    page: (number) => `https://www.fedex.com/fedextrack/?trknbr=${number}`,
    form: /^\d{12,22}$/,
  },
  dhl: {
    name: "DHL",
    page: (number) => `https://www.dhl.com/global-en/home/tracking.html?tracking-id=${number}`,
    form: anyForm,
  },
  royalmail: {
    name: "Royal Mail",
    page: (number) => `https://www.royalmail.com/track-your-item#/tracking-results/${number}`,
    form: /^(?:[A-Z]{2}\d{9}GB|[0-9A-F]{16}|\d{9,22})$/,
  },
  dpd: {
    name: "DPD",
    page: (number) => `https://tracking.dpd.de/status/en_US/parcel/${number}`,
    form: anyForm,
  },
  gls: {
    name: "GLS",
    page: (number) => `https://gls-group.com/GROUP/en/parcel-tracking?match=${number}`,
    form: anyForm,
  },
  evri: {
    name: "Evri",
    page: (number) => `https://www.evri.com/track/parcel/${number}/details`,
    form: anyForm,
  },
  canadapost: {
    name: "Canada Post",
    page: (number) => `https://www.canadapost-postescanada.ca/track-reperage/en#/details/${number}`,
    form: /^(?:\d{12,16}|[A-Z]{2}\d{9}CA)$/,
  },
  australiapost: {
    name: "Australia Post",
    page: (number) => `https://auspost.com.au/mypost/track/details/${number}`,
    form: anyForm,
  },
}

const keyOf = (name: string) => name.toLowerCase().replaceAll(/[^a-z0-9]/g, "")

const known = (name: string): Carrier | undefined => {
  const key = keyOf(name)
  return Object.hasOwn(carriers, key) ? carriers[key] : undefined
}

/** A carrier's name as people write it, whatever the spelling: `royal-mail` → `Royal Mail`. Others stay as they are. */
export function carrierName(name: string): string {
  return known(name)?.name ?? name
}

/** A tracking number without spaces and dashes, upper-case; a carrier that is not known may use others. */
export function trackingNumberOf(carrier: string | null, text: string): string {
  return carrier !== null && known(carrier) ? text.toUpperCase().replaceAll(/[\s-]/g, "") : text
}

/** Whether a number can be one of this carrier's; of a carrier that is not known any can. */
export function isTrackingNumber(carrier: string | null, number: string): boolean {
  const form = carrier === null ? undefined : known(carrier)?.form
  return form === undefined || form.test(number)
}

/** The carrier's page about a parcel; null for a carrier that is not known. */
export function trackingUrl(carrier: string | null, number: string | null): string | null {
  if (carrier === null || number === null) return null
  return known(carrier)?.page(encodeURIComponent(number)) ?? null
}

/** The names of the carriers whose pages are known. */
export const carrierNames = Object.values(carriers).map(({ name }) => name)
