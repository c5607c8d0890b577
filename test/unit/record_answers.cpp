// Writes what the linked libphonenumber answers, for test/data:
//   record_answers cases-8.12.57.tsv    every record anew, as cases-VERSION.tsv
//   record_answers corpus.tsv           the records whose answers differ, as corpus-VERSION.tsv
#include <phonenumbers/phonenumber.pb.h>
#include <phonenumbers/phonenumberutil.h>

#include <exception>
#include <iostream>
#include <string>

#include "table.hpp"

namespace {

using i18n::phonenumbers::PhoneNumber;
using i18n::phonenumbers::PhoneNumberUtil;

struct Answer {
  PhoneNumberUtil::ErrorType error;
  std::string e164;
  std::string region;
  std::string extension;
  bool valid = false;
  bool possible = false;
  int type = PhoneNumberUtil::UNKNOWN;
};

Answer ask(const std::string &input, const std::string &region) {
  const PhoneNumberUtil &util = *PhoneNumberUtil::GetInstance();
  PhoneNumber number;
  Answer answer{util.Parse(input, region, &number), "", "", ""};
  if (answer.error != PhoneNumberUtil::NO_PARSING_ERROR) return answer;
  util.Format(number, PhoneNumberUtil::E164, &answer.e164);
  util.GetRegionCodeForNumber(number, &answer.region);
  answer.extension = number.extension();
  answer.valid = util.IsValidNumber(number);
  answer.possible = util.IsPossibleNumber(number);
  answer.type = util.GetNumberType(number);
  return answer;
}

std::string name(PhoneNumberUtil::ErrorType error) {
  switch (error) {
    case PhoneNumberUtil::NO_PARSING_ERROR:
      return "ok";
    case PhoneNumberUtil::INVALID_COUNTRY_CODE_ERROR:
      return "INVALID_COUNTRY_CODE";
    case PhoneNumberUtil::TOO_LONG_NSN:
      return "TOO_LONG_NSN";
    case PhoneNumberUtil::NOT_A_NUMBER:
      return "NOT_A_NUMBER";
    default:
      return "error " + std::to_string(error);
  }
}

std::string escaped(const std::string &text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '\t':
        result += "\\t";
        break;
      case '\n':
        result += "\\n";
        break;
      case '\r':
        result += "\\r";
        break;
      case '\\':
        result += "\\\\";
        break;
      default:
        result += c;
    }
  }
  return result;
}

void write(const Record &record) {
  for (std::size_t i = 0; i < record.size(); ++i)
    std::cout << (i == 0 ? "" : "\t") << escaped(record[i]);
  std::cout << '\n';
}

void record_case(Record record) {
  const Answer answer = ask(record[0], record[1]);
  const Record given = {name(answer.error),
                        answer.e164,
                        answer.valid ? "v1" : "v0",
                        answer.possible ? "p1" : "p0",
                        "t" + std::to_string(answer.type),
                        answer.region,
                        answer.extension};
  std::copy(given.begin(), given.end(), record.begin() + 2);
  write(record);
}

void record_difference(Record record) {
  const Answer answer = ask(record[0], record[1]);
  const Record given = {answer.e164, answer.valid ? "1" : "0", answer.possible ? "1" : "0",
                        std::to_string(answer.type)};
  if (std::equal(given.begin(), given.end(), record.begin() + 2)) return;
  std::copy(given.begin(), given.end(), record.begin() + 2);
  write(record);
}

}  // namespace

int main(int count, char **arguments) {
  const std::string file = count == 2 ? arguments[1] : "";
  try {
    if (file == "corpus.tsv")
      for (const Record &record : read_table(file, 6)) record_difference(record);
    else
      for (const Record &record : read_table(file, 10)) record_case(record);
  } catch (const std::exception &failure) {
    std::cerr << "record_answers: " << failure.what() << '\n';
    return 1;
  }
}
