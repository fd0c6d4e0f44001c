/* JSON messages like those that applications send, of a wanted size. */
#ifndef JSON_H
#define JSON_H

#include <stddef.h>
#include <stdint.h>

enum { SMALLEST_JSON = 4 };

/* Writes an array of records, exactly `size` bytes of it; `state` is that of the random numbers in it. */
void write_json(char *to, size_t size, uint64_t *state);

#endif
