// Takes a file apart field by field, and believes nothing of it that was not checked.
#include "plans_file.hpp"

#include <fcntl.h>
#include <google/protobuf/io/coded_stream.h>
#include <phonenumbers/phonemetadata.pb.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <set>
#include <stdexcept>

namespace customer_identity::phone {
namespace {

using google::protobuf::io::CodedInputStream;
using i18n::phonenumbers::PhoneMetadata;

constexpr std::string_view kChecksumTag = "\xC9\x3E";  // field 1001, fixed64
constexpr std::size_t kHeader = 10;                    // the tag and the checksum
constexpr std::size_t kMaximumLabel = 120;
constexpr std::size_t kMaximumOpened = 64;

enum Tag : std::uint32_t {
  kPlan = 1 * 8 + 2,
  kSource = 1002 * 8 + 2,
  kVersion = 1003 * 8 + 2,
  kDate = 1004 * 8 + 2,
  kLicence = 1005 * 8 + 2,
  kOpened = 1006 * 8 + 2,
};

[[noreturn]] void refuse(const char *why) { throw std::runtime_error(why); }

/// A file that is open. A FIFO does not keep anybody waiting.
class OpenFile {
 public:
  explicit OpenFile(const char *path)
      : descriptor_(open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)) {}
  ~OpenFile() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  OpenFile(const OpenFile &) = delete;
  OpenFile &operator=(const OpenFile &) = delete;
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

std::uint64_t checksum_of(std::string_view bytes) {
  std::uint64_t hash = 0xCBF29CE484222325;
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001B3;
  return hash;
}

void check_sum(std::string_view bytes) {
  if (bytes.size() <= kHeader || !bytes.starts_with(kChecksumTag))
    refuse("It is not a file of numbering plans.");
  std::uint64_t written = 0;
  for (std::size_t at = kHeader; at-- > kChecksumTag.size();)
    written = written << 8U | static_cast<unsigned char>(bytes[at]);
  if (written != checksum_of(bytes.substr(kHeader))) refuse("It is damaged: its checksum differs.");
}

bool is_printable(std::string_view text) {
  return text.size() <= kMaximumLabel &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// A day of the calendar: "2026-09-29".
bool is_date(std::string_view text) {
  constexpr std::string_view kForm = "dddd-dd-dd";
  if (!std::equal(text.begin(), text.end(), kForm.begin(), kForm.end(),
                  [](char c, char form) { return form == 'd' ? is_digit(c) : c == form; }))
    return false;
  const auto number = [text](std::size_t at, std::size_t size) {
    int value = 0;
    for (const char c : text.substr(at, size)) value = value * 10 + (c - '0');
    return value;
  };
  return std::chrono::year_month_day(std::chrono::year(number(0, 4)),
                                     std::chrono::month(static_cast<unsigned>(number(5, 2))),
                                     std::chrono::day(static_cast<unsigned>(number(8, 2))))
             .ok() &&
         number(0, 4) > 0;
}

bool is_e164(std::string_view text) {
  return text.size() > 4 && text.size() <= 16 && text[0] == '+' &&
         std::all_of(text.begin() + 1, text.end(), is_digit);
}

bool is_region(std::string_view id) {
  const auto is_letter = [](char c) { return c >= 'A' && c <= 'Z'; };
  return id == "001" || (id.size() == 2 && is_letter(id[0]) && is_letter(id[1]));
}

void take_label(std::uint32_t tag, const std::string &text, PlansFile &file) {
  if (!is_printable(text)) refuse("Its label cannot be read.");
  switch (tag) {
    case kSource:
      file.source = text;
      break;
    case kVersion:
      file.version = text;
      break;
    case kDate:
      file.date = text;
      break;
    case kLicence:
      file.licence = text;
      break;
    case kOpened:
      if (!is_e164(text) || file.opened.size() == kMaximumOpened)
        refuse("Its label cannot be read.");
      file.opened.push_back(text);
      break;
    default:
      refuse("It has a field that this version does not know.");
  }
}

void take_plan(const std::string &bytes, PlansFile &file) {
  PhoneMetadata &plan = *file.plans.emplace_back(std::make_unique<PhoneMetadata>());
  if (file.plans.size() > kMaximumPlans) refuse("It has too many plans.");
  if (!plan.ParseFromString(bytes)) refuse("One of its plans cannot be read.");
  if (!is_region(plan.id()) || plan.country_code() < 1 || plan.country_code() > 999)
    refuse("One of its plans is of no country.");
}

void check_whole(const PlansFile &file) {
  if (file.source.empty() || !is_date(file.date)) refuse("Its label cannot be read.");
  if (file.plans.size() < kMinimumPlans) refuse("It lacks most countries.");
  std::set<std::pair<std::string, int>> seen;
  for (const auto &plan : file.plans) {
    const bool is_world = plan->id() == "001";
    if (!seen.emplace(plan->id(), is_world ? plan->country_code() : 0).second)
      refuse("It has two plans of one country.");
  }
}

}  // namespace

PlansFile::PlansFile() = default;
PlansFile::PlansFile(PlansFile &&) noexcept = default;
PlansFile &PlansFile::operator=(PlansFile &&) noexcept = default;
PlansFile::~PlansFile() = default;

std::string read_plans_file(const char *path) {
  const OpenFile file(path);
  struct stat status {};
  if (file.descriptor() < 0 || fstat(file.descriptor(), &status) != 0)
    refuse(errno == ENOENT ? "There is no such file." : "It cannot be opened.");
  if (!S_ISREG(status.st_mode)) refuse("It is not a regular file.");
  if (status.st_size > static_cast<off_t>(kMaximumPlansFile)) refuse("It is larger than 4 MB.");

  std::string bytes(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = read(file.descriptor(), bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) refuse("It cannot be read.");
    done += static_cast<std::size_t>(count);
  }
  return bytes;
}

PlansFile parse_plans(std::string_view bytes) {
  check_sum(bytes);
  bytes.remove_prefix(kHeader);
  CodedInputStream stream(reinterpret_cast<const std::uint8_t *>(bytes.data()),
                          static_cast<int>(bytes.size()));
  PlansFile file;
  std::string field;
  while (const std::uint32_t tag = stream.ReadTag()) {
    std::uint32_t size = 0;
    if (tag % 8 != 2 || !stream.ReadVarint32(&size) || size > bytes.size() ||
        !stream.ReadString(&field, static_cast<int>(size)))
      refuse("It ends in the middle.");
    if (tag == kPlan)
      take_plan(field, file);
    else
      take_label(tag, field, file);
  }
  if (stream.CurrentPosition() != static_cast<int>(bytes.size())) refuse("It ends in the middle.");
  check_whole(file);
  return file;
}

}  // namespace customer_identity::phone
