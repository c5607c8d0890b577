// Numbering plans of a file: where they are the installed library's, everything reads and is
// written as by the library; and what is wrong with a file is said. PLANS_EQUAL names a file that
// has to say the same as the installed library; one with the library's own metadata is made
// otherwise.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>

#include "phone/library.hpp"
#include "phone/numbering_plan.hpp"
#include "phone/phone.hpp"
#include "phone/plans_file.hpp"
#include "phone_generator.hpp"
#include "plans_writer.hpp"
#include "table.hpp"

namespace {

using namespace customer_identity::phone;
using i18n::phonenumbers::PhoneMetadataCollection;

const std::string kShipped = PLANS_FILE;

/// The installed library's plans are in force again after each test.
class plans : public testing::Test {
 protected:
  ~plans() override { choose_plans(PlansChoice::kLibrary, ""); }

  static std::string problem_of(const std::string &bytes) {
    try {
      parse_plans(bytes);
    } catch (const std::runtime_error &problem) {
      return problem.what();
    }
    return "";
  }

  static std::string problem_at(const std::string &path) {
    try {
      choose_plans(PlansChoice::kFile, path.c_str());
    } catch (const std::runtime_error &problem) {
      return problem.what();
    }
    return "";
  }
};

std::string bytes_of(const std::string &path) {
  std::ostringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  return bytes.str();
}

/// A number of a range that opened after the installed library.
std::string unknown_number() {
  for (const std::string &number : parse_plans(bytes_of(kShipped)).opened)
    if (!parse(number, "", Acceptance::kValid).is_valid) return number;
  return "";
}

std::string all_of(const Details &details) {
  std::ostringstream text;
  text << details.e164 << '|' << details.national_number << '|' << details.extension << '|'
       << details.region << '|' << details.country_code << '|' << name(details.type) << '|'
       << name(details.reason) << '|' << details.is_possible << details.is_valid;
  return text.str();
}

/// What each way of reading says of a text, and how the number is written.
std::string answers(const TypedPhone &typed, Acceptance acceptance, bool is_fast) {
  const Details details = is_fast ? parse(typed.text, typed.region, acceptance)
                                  : parse_by_library(typed.text, typed.region, acceptance);
  std::string text = all_of(details);
  if (details.reason != Reason::kOk) return text;
  for (const Style style : {Style::kInternational, Style::kNational, Style::kRfc3966}) {
    Formatted formatted{};
    customer_identity::phone::format(details, style, formatted);
    text += std::string("|") + formatted.text;
  }
  return text;
}

/// Compares the plans of a file with the installed library, in blocks that fit into memory.
class Comparison {
 public:
  explicit Comparison(std::string path) : path_(std::move(path)) {}
  ~Comparison() { compare(); }

  void add(const std::string &text, const std::string &region) {
    waiting_.push_back({text, region});
    if (waiting_.size() == 20000) compare();
  }
  std::size_t count() const { return count_; }

 private:
  void compare() {
    choose_plans(PlansChoice::kLibrary, "");
    std::vector<std::string> expected;
    for (std::size_t at = 0; at < waiting_.size(); ++at)
      expected.push_back(answers(waiting_[at], acceptance(at), false));
    choose_plans(PlansChoice::kFile, path_.c_str());
    for (std::size_t at = 0; at < waiting_.size(); ++at)
      for (const bool is_fast : {true, false})
        EXPECT_EQ(answers(waiting_[at], acceptance(at), is_fast), expected[at])
            << testing::PrintToString(waiting_[at].text) << " in " << waiting_[at].region
            << (is_fast ? "" : ", by the library");
    count_ += waiting_.size();
    waiting_.clear();
  }
  static Acceptance acceptance(std::size_t at) {
    return at % 2 == 0 ? Acceptance::kValid : Acceptance::kPossible;
  }

  std::string path_;
  std::vector<TypedPhone> waiting_;
  std::size_t count_ = 0;
};

std::string equal_to_the_library() {
  const char *const given = std::getenv("PLANS_EQUAL");
  return given != nullptr ? given : plans_at("equal", written_plans(installed_metadata()));
}

TEST_F(plans, of_a_file_equal_to_the_library_read_recorded_inputs_as_it_does) {
  Comparison comparison(equal_to_the_library());
  for (const auto &[file, fields] :
       std::vector<std::pair<std::string, std::size_t>>{{"corpus.tsv", 6},
                                                        {"cases-8.12.57.tsv", 10},
                                                        {"cases-9.0.35.tsv", 10},
                                                        {"upstream_cases.tsv", 2}})
    for (const Record &record : read_table(file, fields)) {
      comparison.add(record[0], record[1]);
      comparison.add(record[0], "");
    }
}

TEST_F(plans, of_a_file_equal_to_the_library_read_made_up_inputs_as_it_does) {
  const std::uint64_t rows = setting("PHONES_ROWS", 20000);
  PhoneGenerator generator(setting("PHONES_SEED", 20240301));
  Comparison comparison(equal_to_the_library());
  for (std::uint64_t row = 0; row < rows; ++row) {
    const TypedPhone typed = generator.next();
    comparison.add(typed.text, typed.region);
  }
}

TEST_F(plans, of_a_file_equal_to_the_library_have_its_metadata) {
  const PlansFile file = parse_plans(bytes_of(equal_to_the_library()));
  std::map<std::pair<std::string, int>, std::string> own;
  const PhoneMetadataCollection installed = installed_metadata();
  for (auto plan : installed.metadata()) {
    plan.clear_mobile_number_portable_region();
    own[{plan.id(), plan.country_code()}] = plan.SerializeAsString();
  }
  EXPECT_EQ(file.plans.size(), own.size());
  // Whether a number may move to another carrier is not in the package, and nothing reads it.
  for (const auto &plan : file.plans) {
    plan->clear_mobile_number_portable_region();
    EXPECT_EQ(plan->SerializeAsString(), (own[{plan->id(), plan->country_code()}])) << plan->id();
  }
}

TEST_F(plans, that_are_shipped_are_understood_and_of_today) {
  ASSERT_EQ(problem_at(kShipped), "");
  EXPECT_TRUE(NumberingPlans::get().compile_all());
  const Plans info = plans_in_force();
  EXPECT_GE(info.regions, 245);
  EXPECT_GE(std::string(info.date), "2026-09-29");
  EXPECT_NE(std::string(info.source).find("google-libphonenumber"), std::string::npos);
  EXPECT_STREQ(parse("+2290197123456", "", Acceptance::kValid).e164, "+2290197123456");
  Formatted formatted{};
  const Details benin = parse("+2290197123456", "", Acceptance::kValid);
  EXPECT_TRUE(customer_identity::phone::format(benin, Style::kInternational, formatted));
  EXPECT_STREQ(formatted.text, "+229 01 97 12 34 56");
}

TEST_F(plans, that_are_shipped_are_obeyed_by_the_library_as_well) {
  const std::string number = unknown_number();
  EXPECT_FALSE(parse_by_library(number, "", Acceptance::kValid).is_valid);
  ASSERT_EQ(problem_at(kShipped), "");
  EXPECT_TRUE(parse_by_library(number, "", Acceptance::kValid).is_valid);
  PhoneGenerator generator(setting("PHONES_SEED", 20240302));
  for (int row = 0; row < 20000; ++row) {
    const TypedPhone typed = generator.next();
    EXPECT_NO_THROW(parse(typed.text, typed.region, Acceptance::kValid, FastPath::kVerify))
        << typed.text << " in " << typed.region;
  }
  for (const Record &record : read_table("corpus.tsv", 6))
    EXPECT_NO_THROW(parse(record[0], record[1], Acceptance::kValid, FastPath::kVerify))
        << record[0];
}

TEST_F(plans, numbers_that_opened_last_are_in_use_only_by_them) {
  const PlansFile file = parse_plans(bytes_of(kShipped));
  ASSERT_GT(file.opened.size(), 5U);
  int known = 0;
  for (const std::string &number : file.opened)
    known += parse(number, "", Acceptance::kValid).is_valid ? 1 : 0;
  EXPECT_LT(known, static_cast<int>(file.opened.size()));
  ASSERT_EQ(problem_at(kShipped), "");
  for (const std::string &number : file.opened)
    EXPECT_TRUE(parse(number, "", Acceptance::kValid).is_valid) << number;
}

TEST_F(plans, may_be_changed_and_changed_back) {
  const std::string number = unknown_number();
  for (int round = 0; round < 3; ++round) {
    ASSERT_EQ(problem_at(kShipped), "");
    EXPECT_TRUE(parse_by_library(number, "", Acceptance::kValid).is_valid);
    ASSERT_EQ(problem_at(plans_at("equal", written_plans(installed_metadata()))), "");
    EXPECT_FALSE(parse(number, "", Acceptance::kValid).is_valid);
    EXPECT_FALSE(parse_by_library(number, "", Acceptance::kValid).is_valid);
    choose_plans(PlansChoice::kLibrary, "");
    EXPECT_FALSE(parse(number, "", Acceptance::kValid).is_valid);
    EXPECT_STREQ(plans_in_force().source, "the installed libphonenumber");
  }
}

TEST_F(plans, of_a_code_that_the_library_does_not_know_are_read_and_written) {
  PhoneMetadataCollection metadata = installed_metadata();
  auto *plan = metadata.add_metadata();
  *plan = metadata.metadata(0);
  plan->set_id("QX");
  plan->set_country_code(999);
  plan->mutable_general_desc()->set_national_number_pattern("[2-9]\\d{7}");
  plan->mutable_general_desc()->clear_possible_length();
  plan->mutable_general_desc()->add_possible_length(8);
  *plan->mutable_mobile() = plan->general_desc();
  ASSERT_EQ(problem_at(plans_at("new_code", written_plans(metadata))), "");

  const Details details = parse("+999 2345 6789", "", Acceptance::kValid, FastPath::kVerify);
  EXPECT_STREQ(details.e164, "+99923456789");
  EXPECT_STREQ(details.region, "QX");
  EXPECT_STREQ(parse("23456789", "QX", Acceptance::kValid).e164, "+99923456789");
  const auto written = [](Style style) {
    Formatted formatted{};
    const Details extended = parse("+999 2345 6789 ext. 12", "", Acceptance::kValid);
    EXPECT_TRUE(customer_identity::phone::format(extended, style, formatted));
    return std::string(formatted.text);
  };
  EXPECT_EQ(written(Style::kE164), "+99923456789");
  EXPECT_EQ(written(Style::kInternational), "+999 23456789 ext. 12");
  EXPECT_EQ(written(Style::kNational), "23456789 ext. 12");
  EXPECT_EQ(written(Style::kRfc3966), "tel:+999-23456789;ext=12");
}

TEST_F(plans, newest_are_those_of_the_file_unless_the_library_knows_what_they_opened_last) {
  const std::string number = unknown_number();
  const auto chosen = [](const std::string &date, const std::vector<std::string> &opened) {
    const std::string path =
        plans_at("choice_" + std::to_string(opened.size()) + date,
                 written_plans(installed_metadata(), {"a file", "", date, opened}));
    choose_plans(PlansChoice::kNewest, path.c_str());
    return std::string(plans_in_force().source);
  };
  EXPECT_EQ(chosen("2999-01-01", {"+442079460123"}), "a file");
  EXPECT_EQ(chosen("1999-01-01", {"+442079460123", number}), "a file");
  EXPECT_EQ(chosen("1999-01-01", {}), "a file");
  EXPECT_EQ(chosen("1999-01-01", {"+442079460123"}), "the installed libphonenumber");
}

TEST_F(plans, of_no_file_are_refused) {
  const std::string folder = plans_at("folder", "");
  std::remove(folder.c_str());
  mkdir(folder.c_str(), 0700);
  const std::string fifo = plans_at("fifo", "");
  std::remove(fifo.c_str());
  mkfifo(fifo.c_str(), 0600);
  EXPECT_EQ(problem_at("/nowhere/at/all"), "There is no such file.");
  EXPECT_EQ(problem_at(folder), "It is not a regular file.");
  EXPECT_EQ(problem_at(fifo), "It is not a regular file.");
  EXPECT_EQ(problem_at("/dev/zero"), "It is not a regular file.");
  EXPECT_EQ(problem_at(plans_at("empty", "")), "It is not a file of numbering plans.");
  EXPECT_EQ(problem_at(plans_at("large", std::string(kMaximumPlansFile + 1, 'x'))),
            "It is larger than 4 MB.");
  EXPECT_STREQ(parse("020 7946 0123", "GB", Acceptance::kValid).e164, "+442079460123");
}

TEST_F(plans, that_are_damaged_are_refused) {
  const std::string whole = bytes_of(kShipped);
  ASSERT_EQ(problem_of(whole), "");
  PhoneGenerator generator(1);
  std::mt19937_64 random(20240303);
  for (int round = 0; round < 300; ++round) {
    std::string damaged = whole;
    damaged[random() % damaged.size()] ^= static_cast<char>(1U << random() % 8);
    EXPECT_NE(problem_of(damaged), "");
    EXPECT_NE(problem_of(whole.substr(0, random() % whole.size())), "");
  }
  EXPECT_NE(problem_of(whole + '\0'), "");
}

TEST_F(plans, that_say_what_cannot_be_are_refused) {
  const auto problem = [](auto change) {
    PhoneMetadataCollection metadata = installed_metadata();
    PlansLabel label;
    change(metadata, label);
    return problem_of(written_plans(metadata, label));
  };
  EXPECT_EQ(problem([](auto &, auto &) {}), "");
  EXPECT_EQ(problem([](auto &all, auto &) { all.clear_metadata(); }), "It lacks most countries.");
  EXPECT_EQ(problem([](auto &all, auto &) { *all.add_metadata() = all.metadata(3); }),
            "It has two plans of one country.");
  for (const char *id : {"", "de", "D", "DEU", "002", "D\xC3"})
    EXPECT_EQ(problem([id](auto &all, auto &) { all.mutable_metadata(7)->set_id(id); }),
              "One of its plans is of no country.");
  for (const int code : {0, -1, 1000})
    EXPECT_EQ(
        problem([code](auto &all, auto &) { all.mutable_metadata(7)->set_country_code(code); }),
        "One of its plans is of no country.");
  for (const char *date :
       {"", "2026-9-29", "yesterday", "2026-09-29 ", "2026-13-01", "2026-02-30", "0000-01-01"})
    EXPECT_EQ(problem([date](auto &, auto &label) { label.date = date; }),
              "Its label cannot be read.");
  for (const std::string &source : {std::string(), std::string("a\nb"), std::string(200, 'x')})
    EXPECT_EQ(problem([&](auto &, auto &label) { label.source = source; }),
              "Its label cannot be read.");
  EXPECT_EQ(problem([](auto &, auto &label) { label.opened = {"4420"}; }),
            "Its label cannot be read.");
  EXPECT_EQ(problem_of(installed_metadata().SerializeAsString()),
            "It is not a file of numbering plans.");
  EXPECT_EQ(problem_of(with_checksum("\x0A\x05")), "It ends in the middle.");
}

}  // namespace
