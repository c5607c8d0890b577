// Reads the tab-separated files of test/data, in COPY text escapes.
// An escape that they do not use is an error, so that none is read wrongly in silence.
#include "table.hpp"

#include <fstream>
#include <stdexcept>

namespace {

char unescaped(char escape) {
  switch (escape) {
    case 't':
      return '\t';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case '\\':
      return '\\';
    default:
      throw std::runtime_error(std::string("unknown escape: \\") + escape);
  }
}

Record split(const std::string &line) {
  Record record(1);
  for (std::size_t at = 0; at < line.size(); ++at) {
    if (line[at] == '\t') {
      record.emplace_back();
    } else if (line[at] == '\\') {
      record.back() += unescaped(line[++at]);
    } else {
      record.back() += line[at];
    }
  }
  return record;
}

}  // namespace

std::vector<Record> read_table(const std::string &name, std::size_t fields) {
  std::ifstream file(std::string(TEST_DATA "/") + name);
  if (!file) throw std::runtime_error("cannot open " + name);

  std::vector<Record> records;
  for (std::string line; std::getline(file, line);) {
    records.push_back(split(line));
    if (records.back().size() != fields)
      throw std::runtime_error(name + ":" + std::to_string(records.size()) + ": not " +
                               std::to_string(fields) + " fields");
  }
  return records;
}
