/* The loops over bytes. No protocol rules here: those are in frames.py and messages.py. */
#ifndef WSLINE_KERNELS_H
#define WSLINE_KERNELS_H

#include <Python.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__) && defined(__gnu_linux__) && defined(__GLIBC__)
#define WSLINE_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define WSLINE_CLONES
#endif

/* A masking key is kept as the 32-bit word that its four bytes make in this machine's order. */
static inline uint32_t wsline_load_key(const unsigned char *from)
{
    uint32_t key;
    memcpy(&key, from, 4);
    return key;
}

static inline void wsline_store_key(unsigned char *to, uint32_t key)
{
    memcpy(to, &key, 4);
}

/* The key as it applies `phase` bytes into the payload. */
static inline uint32_t wsline_rotate_key(uint32_t key, unsigned phase)
{
    unsigned char bytes[8];
    memcpy(bytes, &key, 4);
    memcpy(bytes + 4, &key, 4);
    memcpy(&key, bytes + (phase & 3), 4);
    return key;
}

WSLINE_CLONES
static void wsline_mask_long(unsigned char *to, const unsigned char *from, size_t n, uint64_t key)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t word;
        memcpy(&word, from + i, 8);
        word ^= key;
        memcpy(to + i, &word, 8);
    }
    const unsigned char *bytes = (const unsigned char *)&key;
    for (; i < n; i++)
        to[i] = from[i] ^ bytes[i & 7];
}

/* to[i] = from[i] ^ key[(phase + i) % 4]; `to` may be `from`. RFC 6455 §5.3. */
static inline void wsline_mask(unsigned char *to, const unsigned char *from, size_t n, uint32_t key,
                               unsigned phase)
{
    uint64_t word = wsline_rotate_key(key, phase);
    word |= word << 32;
    if (n >= 128) {
        wsline_mask_long(to, from, n, word);
        return;
    }
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t chunk;
        memcpy(&chunk, from + i, 8);
        chunk ^= word;
        memcpy(to + i, &chunk, 8);
    }
    const unsigned char *bytes = (const unsigned char *)&word;
    for (; i < n; i++)
        to[i] = from[i] ^ bytes[i & 7];
}

static inline uint64_t wsline_read_uint(const unsigned char *from, size_t n)
{
    uint64_t value = 0;
    for (size_t i = 0; i < n; i++)
        value = value << 8 | from[i];
    return value;
}

static inline void wsline_write_uint(unsigned char *to, size_t n, uint64_t value)
{
    for (size_t i = n; i > 0; i--, value >>= 8)
        to[i - 1] = (unsigned char)value;
}

/* How many of the n bytes are whole, well-formed UTF-8 sequences (Unicode 15, table 3-7); the rest
 * is the well-formed beginning of one sequence. -1: ill-formed. */
static inline ptrdiff_t wsline_utf8_prefix(const unsigned char *s, size_t n)
{
    size_t i = 0;
    while (i < n) {
        unsigned char lead = s[i];
        if (lead < 0x80) {
            uint64_t word;
            i++;
            while (i + 8 <= n && (memcpy(&word, s + i, 8), (word & 0x8080808080808080u) == 0))
                i += 8;
            continue;
        }
        size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
        unsigned char least = 0x80, most = 0xBF;
        if (lead < 0xC2 || lead > 0xF4)
            return -1;
        if (lead == 0xE0)
            least = 0xA0;
        else if (lead == 0xED)
            most = 0x9F;
        else if (lead == 0xF0)
            least = 0x90;
        else if (lead == 0xF4)
            most = 0x8F;
        for (size_t k = 1; k < length; k++) {
            if (i + k == n)
                return (ptrdiff_t)i;
            if (s[i + k] < least || s[i + k] > most)
                return -1;
            least = 0x80;
            most = 0xBF;
        }
        i += length;
    }
    return (ptrdiff_t)i;
}

/* The text, or None if it is ill-formed and not to be mended. */
static inline PyObject *wsline_text(const unsigned char *s, Py_ssize_t n, int lenient)
{
    PyObject *text = PyUnicode_DecodeUTF8(n ? (const char *)s : "", n, lenient ? "replace" : NULL);
    if (text == NULL && PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {
        PyErr_Clear();
        Py_RETURN_NONE;
    }
    return text;
}

#endif
