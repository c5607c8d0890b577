// Counts what the rules of read() change against libphonenumber's reading of the phones on standard
// input (tab-separated: phone, region): numbers that are linked, numbers that are refused and why,
// and strangers: phones that had been somebody else's number. With an argument it shows them.
#include <iomanip>
#include <iostream>
#include <map>
#include <string>

#include "phone/reading.hpp"

using namespace customer_identity::phone;

namespace {

/// What became of a phone.
std::string change(const Details &before, const Details &now) {
  const bool was = before.reason == Reason::kOk;
  const bool is = now.reason == Reason::kOk;
  if (was && !is) return std::string("refused now: ") + name(now.reason);
  if (!was && is) return std::string("linked now, was ") + name(before.reason);
  if (was && std::string(before.e164) != now.e164) return "another number now";
  if (before.reason != now.reason)
    return std::string("unlinked as before, reason ") + name(now.reason);
  return is ? "linked as before" : "unlinked as before";
}

/// A field in COPY text escapes.
std::string unescaped(const std::string &field) {
  std::string text;
  for (std::size_t at = 0; at < field.size(); ++at) {
    if (field[at] != '\\' || at + 1 == field.size())
      text += field[at];
    else if (const char c = field[++at]; c == 't' || c == 'n')
      text += c == 't' ? '\t' : '\n';
    else
      text += c;
  }
  return text;
}

}  // namespace

int main(int count, char **) {
  std::map<std::string, int> changes;
  for (std::string line; std::getline(std::cin, line);) {
    const std::size_t tab = line.find('\t');
    const std::string phone = unescaped(line.substr(0, tab));
    const std::string named = line.substr(tab + 1, line.find('\t', tab + 1) - tab - 1);
    const std::string region = is_region(named) ? named : "";
    const Details before = parse(phone, region, Acceptance::kValid);
    const Details now = read(phone, region, {});
    const std::string found = change(before, now);
    ++changes[found];
    if (count > 1 && !found.ends_with("as before"))
      std::cout << phone << '\t' << region << '\t' << before.e164 << '\t' << now.e164 << '\t'
                << found << '\n';
  }
  for (const auto &[found, phones] : changes)
    std::cout << std::setw(8) << phones << "  " << found << '\n';
}
