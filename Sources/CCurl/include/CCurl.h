// libcurl, found when something is downloaded: neither building nor starting needs it. Its option numbers and result
// codes are a promise of its binary interface (https://curl.se/libcurl/abi.html).
#pragma once
#include <stddef.h>
#include <stdint.h>

// Opens the library once. Returns NULL, or why it cannot be opened.
const char *ccurl_open(void);

// A transfer with its list of request headers.
typedef struct ccurl_transfer ccurl_transfer;

// All of these need an open library. NULL where there is no memory.
ccurl_transfer *ccurl_make(void);
void ccurl_free(ccurl_transfer *transfer);

enum ccurl_option {
  CCURL_WRITE_DATA = 10001,
  CCURL_URL = 10002,
  CCURL_RANGE = 10007,
  CCURL_ERROR_BUFFER = 10010,
  CCURL_TIMEOUT = 13,
  CCURL_USER_AGENT = 10018,
  CCURL_LOW_SPEED_LIMIT = 19,
  CCURL_LOW_SPEED_TIME = 20,
  CCURL_REQUEST_HEADERS = 10023,
  CCURL_HEADER_DATA = 10029,
  CCURL_NO_PROGRESS = 43,
  CCURL_NO_BODY = 44,
  CCURL_FOLLOW_LOCATION = 52,
  CCURL_PROGRESS_DATA = 10057,
  CCURL_CONNECT_TIMEOUT = 78,
  CCURL_NO_SIGNAL = 99,
  CCURL_NO_PROXY = 10177,
  CCURL_PROTOCOLS = 181,
  CCURL_WRITE_FUNCTION = 20011,
  CCURL_HEADER_FUNCTION = 20079,
  CCURL_PROGRESS_FUNCTION = 20219,
};

// The bits of CCURL_PROTOCOLS.
enum ccurl_protocol { CCURL_HTTP = 1, CCURL_HTTPS = 2 };

// The size that CCURL_ERROR_BUFFER must have.
enum { CCURL_ERROR_SIZE = 256 };

// Both return a result code; 0 is success.
int ccurl_set_number(ccurl_transfer *transfer, enum ccurl_option option, long value);
int ccurl_set_pointer(ccurl_transfer *transfer, enum ccurl_option option, const void *value);

// Takes `size * count` bytes and returns how many it took; fewer ends the transfer.
typedef size_t (*ccurl_sink)(char *bytes, size_t size, size_t count, void *context);
int ccurl_set_sink(ccurl_transfer *transfer, enum ccurl_option option, ccurl_sink sink);

// Is called about once a second at least; anything but 0 ends the transfer.
typedef int (*ccurl_watch)(void *context, int64_t total, int64_t now, int64_t upload_total, int64_t upload_now);
int ccurl_set_watch(ccurl_transfer *transfer, ccurl_watch watch);

// Adds `Name: value` to the request. Returns 0, or 1 where there is no memory.
int ccurl_add_header(ccurl_transfer *transfer, const char *header);

// Does the request, and returns a result code.
int ccurl_perform(ccurl_transfer *transfer);

// What a result code means.
const char *ccurl_explain(int code);

// The response's status, 0 before there is one.
long ccurl_status(ccurl_transfer *transfer);

// Where a redirect leads, made absolute; NULL if the response is none.
const char *ccurl_redirect(ccurl_transfer *transfer);
