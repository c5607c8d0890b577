// Reads the tab-separated files of test/data, in COPY text escapes.
// One record a line, the same number of fields in each.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

using Record = std::vector<std::string>;

/// Throws std::runtime_error, naming the line, when the file cannot be read or a record has another
/// number of fields.
std::vector<Record> read_table(const std::string &name, std::size_t fields);
