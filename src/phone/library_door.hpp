// The metadata inside a PhoneNumberUtil, and one of our own, through the friend that it declares
// for its own test: the one door that all its versions have.
#pragma once

#include <phonenumbers/phonenumberutil.h>

#include <string>

namespace i18n::phonenumbers {

class PhoneNumberUtilTest {
 public:
  /// One that nobody else in this process uses. It prints nothing.
  static PhoneNumberUtil *create() { return new PhoneNumberUtil; }

  /// The metadata of a region, or of a non-geographical calling code, whose region is 001; null
  /// when there is none.
  static PhoneMetadata *find(const PhoneNumberUtil &util, const std::string &region, int code) {
    const PhoneMetadata *const found = region == "001"
                                           ? util.GetMetadataForNonGeographicalRegion(code)
                                           : util.GetMetadataForRegion(region);
    return const_cast<PhoneMetadata *>(found);  // what it keeps is not const
  }
};

}  // namespace i18n::phonenumbers
