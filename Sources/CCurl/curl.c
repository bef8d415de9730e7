#include "CCurl.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

struct ccurl_transfer {
  void *handle;
  void *headers;
};

static struct {
  const char *problem;
  void *(*easy_init)(void);
  void (*easy_cleanup)(void *);
  int (*easy_setopt)(void *, int, ...);
  int (*easy_perform)(void *);
  int (*easy_getinfo)(void *, int, ...);
  const char *(*easy_strerror)(int);
  void *(*slist_append)(void *, const char *);
  void (*slist_free_all)(void *);
} curl;

static void *library;

static void *symbol(const char *name) {
  void *found = dlsym(library, name);
  if (!found) curl.problem = "libcurl.so.4: lacks functions that every release has";
  return found;
}

static void open_library(void) {
  // OpenSSL's flavour first, GnuTLS's else: one interface.
  library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
  if (!library) library = dlopen("libcurl-gnutls.so.4", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    curl.problem = "libcurl.so.4: not found on this machine";
    return;
  }
  int (*global_init)(long) = (int (*)(long))symbol("curl_global_init");
  curl.easy_init = (void *(*)(void))symbol("curl_easy_init");
  curl.easy_cleanup = (void (*)(void *))symbol("curl_easy_cleanup");
  curl.easy_setopt = (int (*)(void *, int, ...))symbol("curl_easy_setopt");
  curl.easy_perform = (int (*)(void *))symbol("curl_easy_perform");
  curl.easy_getinfo = (int (*)(void *, int, ...))symbol("curl_easy_getinfo");
  curl.easy_strerror = (const char *(*)(int))symbol("curl_easy_strerror");
  curl.slist_append = (void *(*)(void *, const char *))symbol("curl_slist_append");
  curl.slist_free_all = (void (*)(void *))symbol("curl_slist_free_all");
  const long everything = 3;
  if (!curl.problem && global_init(everything) != 0) curl.problem = "libcurl.so.4: cannot be initialised";
}

const char *ccurl_open(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, open_library);
  return curl.problem;
}

ccurl_transfer *ccurl_make(void) {
  ccurl_transfer *transfer = calloc(1, sizeof *transfer);
  if (!transfer) return NULL;
  transfer->handle = curl.easy_init();
  if (transfer->handle) return transfer;
  free(transfer);
  return NULL;
}

void ccurl_free(ccurl_transfer *transfer) {
  curl.easy_cleanup(transfer->handle);
  curl.slist_free_all(transfer->headers);
  free(transfer);
}

int ccurl_set_number(ccurl_transfer *transfer, enum ccurl_option option, long value) {
  return curl.easy_setopt(transfer->handle, option, value);
}

int ccurl_set_pointer(ccurl_transfer *transfer, enum ccurl_option option, const void *value) {
  return curl.easy_setopt(transfer->handle, option, value);
}

int ccurl_set_sink(ccurl_transfer *transfer, enum ccurl_option option, ccurl_sink sink) {
  return curl.easy_setopt(transfer->handle, option, sink);
}

int ccurl_set_watch(ccurl_transfer *transfer, ccurl_watch watch) {
  return curl.easy_setopt(transfer->handle, CCURL_PROGRESS_FUNCTION, watch);
}

int ccurl_add_header(ccurl_transfer *transfer, const char *header) {
  void *longer = curl.slist_append(transfer->headers, header);
  if (!longer) return 1;
  transfer->headers = longer;
  return curl.easy_setopt(transfer->handle, CCURL_REQUEST_HEADERS, transfer->headers);
}

int ccurl_perform(ccurl_transfer *transfer) { return curl.easy_perform(transfer->handle); }

const char *ccurl_explain(int code) { return curl.easy_strerror(code); }

enum { response_code = 0x200002, redirect_url = 0x10001f };

long ccurl_status(ccurl_transfer *transfer) {
  long status = 0;
  return curl.easy_getinfo(transfer->handle, response_code, &status) == 0 ? status : 0;
}

const char *ccurl_redirect(ccurl_transfer *transfer) {
  const char *url = NULL;
  return curl.easy_getinfo(transfer->handle, redirect_url, &url) == 0 ? url : NULL;
}
