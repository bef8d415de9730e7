#ifndef CZSTD_H
#define CZSTD_H

#include <stddef.h>

// libzstd, opened by its name when it is first needed: a program that links it could not start without it.

/// Opens the library. Returns what is wrong with it on this machine, or NULL.
const char *czstd_open(void);

/// Decompresses frames whose contents have exactly `size` bytes. Returns what is wrong with them, or NULL. Only after
/// `czstd_open` returned NULL.
const char *czstd_decompress(void *contents, size_t size, const void *frames, size_t frames_size);

#endif
