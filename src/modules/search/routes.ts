import { paged } from "#http/paging.ts"
import { createRouter, ok, route } from "#http/router.ts"
import { ProductPage } from "#modules/catalog/model.ts"

import { BrowseQuery, SearchPage, SearchQuery, Suggestions, SuggestQuery } from "./model.ts"
import * as search from "./search.ts"
import * as suggest from "./suggest.ts"

const tags = ["Products"]

/** GET /products, /products/search, /products/suggest */
export const routes = createRouter()
  .openapi(
    route({
      method: "get",
      path: "/products",
      tags,
      operationId: "listProducts",
      summary: "Browse the products",
      description:
        "Active products for the public, all of them for staff. Filters combine with AND; a comma list in one filter is OR; `attr.<name>=<value>` asks for an attribute whatever the letter case. At most 25 values in all filters. Fields to order by: name, price, created_at, updated_at, average_rating, stock_quantity, category, and with `search` relevance, from the best match on; default `-created_at`, with `search` `relevance`. With `currency` prices, and `min_price` and `max_price`, are in that; what is found, and its order, still go by the shop's own prices.",
      access: "public",
      shared: true,
      request: { query: BrowseQuery },
      responses: ok(ProductPage, "A page of products"),
      refuses: ["invalid-page", "rate-stale"],
    }),
    async (c) => c.json(paged(c, await search.browse(c.var.ctx, c.req.valid("query"))), 200),
  )
  .openapi(
    route({
      method: "get",
      path: "/products/search",
      tags,
      operationId: "searchProducts",
      summary: "Search the products",
      description:
        "Full text over name, brand, category, tags, SKU, attributes and description. Every word must be there; the last one may be unfinished. A word that nothing holds is taken for a misspelling: of words of four letters and more one edit, of eight and more two. Where nothing holds every word, what holds most of them is found, and `match` is `some`. There is no query syntax: quotes, `*`, `-`, `OR` are read as what they are, text. Filters and orderings are those of the list; `facets` say what the finds can be narrowed by.",
      access: "public",
      shared: true,
      request: { query: SearchQuery },
      responses: ok(SearchPage, "A page of products, best match first"),
      refuses: ["invalid-page", "rate-stale"],
    }),
    async (c) => {
      const found = await search.search(c.var.ctx, c.req.valid("query"))
      const { query, did_you_mean, match, facets } = found
      return c.json({ ...paged(c, found), query, did_you_mean, match, facets }, 200)
    },
  )
  .openapi(
    route({
      method: "get",
      path: "/products/suggest",
      tags,
      operationId: "suggestProducts",
      summary: "Complete a query",
      description:
        "What the last word of a query may become, by how many products it would find, and what was probably meant when a word is unknown.",
      access: "public",
      shared: true,
      request: { query: SuggestQuery },
      responses: ok(Suggestions, "Completions"),
    }),
    async (c) => c.json(await suggest.suggest(c.var.ctx, c.req.valid("query")), 200),
  )
