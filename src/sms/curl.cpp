// Finds libcurl's functions.
#include "sms/curl.hpp"

#include <dlfcn.h>

#include <stdexcept>

namespace customer_identity::sms {
namespace {

template <typename Function>
void find(void *library, const char *name, Function &function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function == nullptr) throw std::runtime_error(dlerror());
}

#ifdef __APPLE__
constexpr char kLibrary[] = "libcurl.4.dylib";
#else
constexpr char kLibrary[] = "libcurl.so.4";
#endif

Curl load() {
  void *library = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw std::runtime_error(dlerror());
  Curl curl = {};
  find(library, "curl_global_init", curl.global_init);
  find(library, "curl_easy_init", curl.easy_init);
  find(library, "curl_easy_setopt", curl.easy_setopt);
  find(library, "curl_easy_getinfo", curl.easy_getinfo);
  find(library, "curl_easy_strerror", curl.easy_strerror);
  find(library, "curl_easy_cleanup", curl.easy_cleanup);
  find(library, "curl_multi_init", curl.multi_init);
  find(library, "curl_multi_add_handle", curl.multi_add_handle);
  find(library, "curl_multi_remove_handle", curl.multi_remove_handle);
  find(library, "curl_multi_perform", curl.multi_perform);
  find(library, "curl_multi_poll", curl.multi_poll);
  find(library, "curl_multi_info_read", curl.multi_info_read);
  find(library, "curl_multi_cleanup", curl.multi_cleanup);
  return curl;
}

}  // namespace

const Curl &curl() {
  static const Curl functions = load();
  return functions;
}

}  // namespace customer_identity::sms
