#include "CZstd.h"
#include <dlfcn.h>
#include <pthread.h>

static struct {
  const char *problem;
  size_t (*decompress)(void *, size_t, const void *, size_t);
  unsigned (*is_error)(size_t);
  const char *(*error_name)(size_t);
} zstd;

static void open_library(void) {
  void *library = dlopen("libzstd.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    zstd.problem = "libzstd.so.1: not found on this machine";
    return;
  }
  zstd.decompress = (size_t (*)(void *, size_t, const void *, size_t))dlsym(library, "ZSTD_decompress");
  zstd.is_error = (unsigned (*)(size_t))dlsym(library, "ZSTD_isError");
  zstd.error_name = (const char *(*)(size_t))dlsym(library, "ZSTD_getErrorName");
  if (!zstd.decompress || !zstd.is_error || !zstd.error_name)
    zstd.problem = "libzstd.so.1: lacks functions that every release has";
}

const char *czstd_open(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, open_library);
  return zstd.problem;
}

const char *czstd_decompress(void *contents, size_t size, const void *frames, size_t frames_size) {
  size_t result = zstd.decompress(contents, size, frames, frames_size);
  if (zstd.is_error(result)) return zstd.error_name(result);
  return result == size ? NULL : "the contents are shorter than they are said to be";
}
