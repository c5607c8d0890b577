// Writes files of numbering plans as scripts/make_plans.js does, from the metadata that is inside
// the installed library and from any other.
#pragma once

#include <phonenumbers/phonemetadata.pb.h>

#include <string>
#include <vector>

struct PlansLabel {
  std::string source = "a test";
  std::string version = "1.2.3";
  std::string date = "2026-09-29";
  std::vector<std::string> opened;
};

/// What the installed library carries, in the order of regions.
i18n::phonenumbers::PhoneMetadataCollection installed_metadata();

/// The bytes of a file.
std::string written_plans(const i18n::phonenumbers::PhoneMetadataCollection &metadata,
                          const PlansLabel &label = {});

/// `body` with its checksum before it.
std::string with_checksum(const std::string &body);

/// Writes a file, and says where.
std::string plans_at(const std::string &name, const std::string &bytes);
