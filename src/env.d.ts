/** Settings that may be absent: `wrangler types` knows the ones of wrangler.toml only. `config.ts` reads them. */
interface __BaseEnv_Env {
  GOOGLE_CLIENT_ID?: string
  GOOGLE_CLIENT_SECRET?: string
  FACEBOOK_CLIENT_ID?: string
  FACEBOOK_CLIENT_SECRET?: string
  GITHUB_CLIENT_ID?: string
  GITHUB_CLIENT_SECRET?: string
  OAUTH_BASE_URL?: string
}
