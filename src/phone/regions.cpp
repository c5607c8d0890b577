// Tables of codes that change once in years: both are compared with their sources by the unit
// tests.
#include "regions.hpp"

#include <cstddef>

namespace customer_identity::phone {
namespace {

/// ISO 3166-1: alpha-3, then alpha-2; and Kosovo, as the plans call it.
constexpr std::string_view kAlpha3 =
    "ABWAWAFGAFAGOAOAIAAIALAAXALBALANDADAREAEARGARARMAMASMASATAAQATFTFATGAGAUSAUAUTATAZEAZBDIBI"
    "BELBEBENBJBESBQBFABFBGDBDBGRBGBHRBHBHSBSBIHBABLMBLBLRBYBLZBZBMUBMBOLBOBRABRBRBBBBRNBNBTNBT"
    "BVTBVBWABWCAFCFCANCACCKCCCHECHCHLCLCHNCNCIVCICMRCMCODCDCOGCGCOKCKCOLCOCOMKMCPVCVCRICRCUBCU"
    "CUWCWCXRCXCYMKYCYPCYCZECZDEUDEDJIDJDMADMDNKDKDOMDODZADZECUECEGYEGERIERESHEHESPESESTEEETHET"
    "FINFIFJIFJFLKFKFRAFRFROFOFSMFMGABGAGBRGBGEOGEGGYGGGHAGHGIBGIGINGNGLPGPGMBGMGNBGWGNQGQGRCGR"
    "GRDGDGRLGLGTMGTGUFGFGUMGUGUYGYHKGHKHMDHMHNDHNHRVHRHTIHTHUNHUIDNIDIMNIMINDINIOTIOIRLIEIRNIR"
    "IRQIQISLISISRILITAITJAMJMJEYJEJORJOJPNJPKAZKZKENKEKGZKGKHMKHKIRKIKNAKNKORKRKWTKWLAOLALBNLB"
    "LBRLRLBYLYLCALCLIELILKALKLSOLSLTULTLUXLULVALVMACMOMAFMFMARMAMCOMCMDAMDMDGMGMDVMVMEXMXMHLMH"
    "MKDMKMLIMLMLTMTMMRMMMNEMEMNGMNMNPMPMOZMZMRTMRMSRMSMTQMQMUSMUMWIMWMYSMYMYTYTNAMNANCLNCNERNE"
    "NFKNFNGANGNICNINIUNUNLDNLNORNONPLNPNRUNRNZLNZOMNOMPAKPKPANPAPCNPNPERPEPHLPHPLWPWPNGPGPOLPL"
    "PRIPRPRKKPPRTPTPRYPYPSEPSPYFPFQATQAREUREROURORUSRURWARWSAUSASDNSDSENSNSGPSGSGSGSSHNSHSJMSJ"
    "SLBSBSLESLSLVSVSMRSMSOMSOSPMPMSRBRSSSDSSSTPSTSURSRSVKSKSVNSISWESESWZSZSXMSXSYCSCSYRSYTCATC"
    "TCDTDTGOTGTHATHTJKTJTKLTKTKMTMTLSTLTONTOTTOTTTUNTNTURTRTUVTVTWNTWTZATZUGAUGUKRUAUMIUMURYUY"
    "USAUSUZBUZVATVAVCTVCVENVEVGBVGVIRVIVNMVNVUTVUWLFWFWSMWSXKXXKYEMYEZAFZAZMBZMZWEZW";

/// Calling codes in three places, then the main region, as the plans have them.
constexpr std::string_view kCallingCodes =
    "1  US20 EG211SS212MA213DZ216TN218LY220GM221SN222MR223ML224GN225CI226BF227NE228TG229BJ230MU"
    "231LR232SL233GH234NG235TD236CF237CM238CV239ST240GQ241GA242CG243CD244AO245GW246IO247AC248SC"
    "249SD250RW251ET252SO253DJ254KE255TZ256UG257BI258MZ260ZM261MG262RE263ZW264NA265MW266LS267BW"
    "268SZ269KM27 ZA290SH291ER297AW298FO299GL30 GR31 NL32 BE33 FR34 ES350GI351PT352LU353IE354IS"
    "355AL356MT357CY358FI359BG36 HU370LT371LV372EE373MD374AM375BY376AD377MC378SM380UA381RS382ME"
    "383XK385HR386SI387BA389MK39 IT40 RO41 CH420CZ421SK423LI43 AT44 GB45 DK46 SE47 NO48 PL49 DE"
    "500FK501BZ502GT503SV504HN505NI506CR507PA508PM509HT51 PE52 MX53 CU54 AR55 BR56 CL57 CO58 VE"
    "590GP591BO592GY593EC594GF595PY596MQ597SR598UY599CW60 MY61 AU62 ID63 PH64 NZ65 SG66 TH670TL"
    "672NF673BN674NR675PG676TO677SB678VU679FJ680PW681WF682CK683NU685WS686KI687NC688TV689PF690TK"
    "691FM692MH7  RU81 JP82 KR84 VN850KP852HK853MO855KH856LA86 CN880BD886TW90 TR91 IN92 PK93 AF"
    "94 LK95 MM960MV961LB962JO963SY964IQ965KW966SA967YE968OM970PS971AE972IL973BH974QA975BT976MN"
    "977NP98 IR992TJ993TM994AZ995GE996KG998UZ";

constexpr std::size_t kEntry = 5;

/// What follows the three characters `key` in a table; empty when they are not there.
std::string_view look_up(std::string_view table, std::string_view key) {
  for (std::size_t at = 0; at < table.size(); at += kEntry)
    if (table.substr(at, 3) == key) return table.substr(at + 3, 2);
  return {};
}

bool is_letter(char c) { return c >= 'A' && c <= 'Z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

RegionCode code_of(std::string_view region) {
  RegionCode code{};
  region.copy(code.data(), code.size() - 1);
  return code;
}

RegionCode region_of_calling_code(std::string_view digits) {
  if (digits.starts_with('+'))
    digits.remove_prefix(1);
  else if (digits.starts_with("00"))
    digits.remove_prefix(2);
  if (digits.empty() || digits.size() > 3) return {};
  std::array<char, 3> key = {' ', ' ', ' '};
  for (std::size_t at = 0; at < digits.size(); ++at) {
    if (!is_digit(digits[at])) return {};
    key[at] = digits[at];
  }
  return code_of(look_up(kCallingCodes, {key.data(), key.size()}));
}

}  // namespace

RegionCode region_named(std::string_view name) {
  std::array<char, 3> key{};
  bool letters = name.size() == 2 || name.size() == 3;
  for (std::size_t at = 0; letters && at < name.size(); ++at) {
    const char c = name[at];
    key[at] = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    letters = is_letter(key[at]);
  }
  if (!letters) return region_of_calling_code(name);
  const std::string_view capitals(key.data(), name.size());
  if (capitals == "UK") return code_of("GB");
  return code_of(capitals.size() == 2 ? capitals : look_up(kAlpha3, capitals));
}

}  // namespace customer_identity::phone
