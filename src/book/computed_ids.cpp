// RFC 9562, section 5.8 and appendix B.2: the first 128 bits of SHA-256 over a namespace and the
// name. Version and variant take a whole hexadecimal digit each, so that one line of SQL says it.
#include "book/computed_ids.hpp"

#include "pg/relation_cache.hpp"

namespace customer_identity {
namespace {

// 467ca330-6e2d-4d6e-8dea-7e7643be560c
constexpr std::uint8_t kNamespace[] = {0x46, 0x7c, 0xa3, 0x30, 0x6e, 0x2d, 0x4d, 0x6e,
                                       0x8d, 0xea, 0x7e, 0x76, 0x43, 0xbe, 0x56, 0x0c};

struct Ids {
  bool are_computed;
};

const std::uint8_t *bytes_of(const char *text) {
  return reinterpret_cast<const std::uint8_t *>(text);
}

}  // namespace

pg_uuid_t computed_id(const char *e164, int generation) {
  char suffix[16];
  snprintf(suffix, sizeof(suffix), "#%d", generation);
  std::uint8_t digest[PG_SHA256_DIGEST_LENGTH];
  pg_cryptohash_ctx *hash = pg_cryptohash_create(PG_SHA256);
  if (hash == nullptr || pg_cryptohash_init(hash) < 0 ||
      pg_cryptohash_update(hash, kNamespace, sizeof(kNamespace)) < 0 ||
      pg_cryptohash_update(hash, bytes_of(e164), strlen(e164)) < 0 ||
      pg_cryptohash_update(hash, bytes_of(suffix), strlen(suffix)) < 0 ||
      pg_cryptohash_final(hash, digest, sizeof(digest)) < 0)
    elog(ERROR, "could not compute the id of a customer");
  pg_cryptohash_free(hash);
  digest[6] = 0x80 | (digest[6] & 0x0f);
  digest[8] = 0x80 | (digest[8] & 0x0f);
  pg_uuid_t id;
  memcpy(&id, digest, sizeof(id));
  return id;
}

int generation_of(const pg_uuid_t &id, const char *e164) {
  for (int generation = 0; generation < kMaximumGenerations; ++generation) {
    const pg_uuid_t computed = computed_id(e164, generation);
    if (memcmp(&computed, &id, sizeof(id)) == 0) return generation;
  }
  return -1;
}

bool has_computed_ids(Oid customers) {
  return kept<Ids>({customers},
                   [&](Ids &ids, Reading &) {
                     ids.are_computed = get_attnum(customers, "phone_generation") > 0;
                   })
      ->are_computed;
}

}  // namespace customer_identity
