// From what was dialled to a number: the calling code, whether it was dialled or not, and the
// digits after national and international prefixes, as PhoneNumberUtil's ParseHelper() finds them.
#pragma once

#include <string_view>

#include "phone/input.hpp"
#include "phone/numbering_plan.hpp"

namespace customer_identity::phone {

struct Number {
  CallingCode *code = nullptr;
  std::string_view national;  // in the input or in one of the buffers
  bool settled = false;       // its E.164 form certainly reads as the same number
  Digits stripped_home;
  Digits stripped;
};

/// `home` is the plan of the region where it was dialled; null when that is not known.
Outcome apply_rules(const NumberingPlans &plans, const Input &input, const NumberingPlan *home,
                    Number &number);

}  // namespace customer_identity::phone
