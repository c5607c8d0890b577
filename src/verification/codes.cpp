// Codes and what is kept of them: random digits, and a keyed hash that tells nothing without the
// installation's secret.
#include <string_view>

#include "pg/postgres.hpp"

namespace customer_identity {
namespace {

// NIST SP 800-63B, 5.1.3.2: an authentication secret of at least 20 bits that is not looked up in a
// table; it advises at least six digits (about 20 bits) from an approved random bit generator.
constexpr std::uint32_t kCodes = 1000000;
constexpr int kDigits = 6;

// RFC 2104, 3: a key no shorter than the hash.
constexpr int kSecretBytes = PG_SHA256_DIGEST_LENGTH;

void fill_randomly(void *bytes, std::size_t length) {
  if (!pg_strong_random(bytes, length))
    ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random bytes"));
}

// Drawn again where the remainder would favour small codes.
std::uint32_t uniform_below(std::uint32_t limit) {
  const std::uint32_t usable = UINT32_MAX - UINT32_MAX % limit;
  std::uint32_t drawn;
  do {
    fill_randomly(&drawn, sizeof(drawn));
  } while (drawn >= usable);
  return drawn % limit;
}

bytea *new_bytes(std::size_t length) {
  auto *bytes = static_cast<bytea *>(palloc(VARHDRSZ + length));
  SET_VARSIZE(bytes, VARHDRSZ + length);
  return bytes;
}

std::string_view contents(const bytea *bytes) {
  return {VARDATA_ANY(bytes), static_cast<std::size_t>(VARSIZE_ANY_EXHDR(bytes))};
}

bool hash_text(pg_hmac_ctx *hash, const text *input) {
  const std::string_view bytes = contents(input);
  return pg_hmac_update(hash, reinterpret_cast<const uint8 *>(bytes.data()), bytes.size()) == 0;
}

// Takes as long for bytes that differ at the beginning as for those that differ at the end.
bool are_same(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  volatile int differences = 0;
  for (std::size_t i = 0; i < a.size(); ++i) differences = differences | (a[i] ^ b[i]);
  return differences == 0;
}

}  // namespace

CUSTOMER_IDENTITY_FUNCTION(random_code) {
  PG_RETURN_TEXT_P(cstring_to_text(psprintf("%0*u", kDigits, uniform_below(kCodes))));
}

CUSTOMER_IDENTITY_FUNCTION(random_secret) {
  bytea *secret = new_bytes(kSecretBytes);
  fill_randomly(VARDATA(secret), kSecretBytes);
  PG_RETURN_BYTEA_P(secret);
}

// HMAC-SHA-256 of the verification's id, its phone and the code: one that was written down for
// another verification is of no use. The id has a fixed length and a code has no plus, so no two
// inputs read alike.
CUSTOMER_IDENTITY_FUNCTION(code_hash) {
  const bytea *secret = PG_GETARG_BYTEA_PP(0);
  const pg_uuid_t *verification = PG_GETARG_UUID_P(1);
  const text *phone = PG_GETARG_TEXT_PP(2);
  const text *code = PG_GETARG_TEXT_PP(3);
  bytea *digest = new_bytes(PG_SHA256_DIGEST_LENGTH);

  pg_hmac_ctx *hash = pg_hmac_create(PG_SHA256);
  const bool hashed =
      hash != nullptr &&
      pg_hmac_init(hash, reinterpret_cast<const uint8 *>(contents(secret).data()),
                   contents(secret).size()) == 0 &&
      pg_hmac_update(hash, verification->data, UUID_LEN) == 0 && hash_text(hash, code) &&
      hash_text(hash, phone) &&
      pg_hmac_final(hash, reinterpret_cast<uint8 *>(VARDATA(digest)), PG_SHA256_DIGEST_LENGTH) == 0;
  pg_hmac_free(hash);
  if (!hashed) ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR), errmsg("a code cannot be hashed"));
  PG_RETURN_BYTEA_P(digest);
}

CUSTOMER_IDENTITY_FUNCTION(same_hash) {
  const bytea *a = PG_GETARG_BYTEA_PP(0);
  const bytea *b = PG_GETARG_BYTEA_PP(1);
  PG_RETURN_BOOL(are_same(contents(a), contents(b)));
}

}  // namespace customer_identity
