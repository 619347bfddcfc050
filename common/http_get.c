#include "common/http_get.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { BODY_MAX = 4 * 1024 * 1024, STEP = 65536 };

static int connect_to(const char *address, uint16_t port, int timeout_ms)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    bool is_four = inet_pton(AF_INET, address, &four.sin_addr) == 1;
    if (!is_four && inet_pton(AF_INET6, address, &six.sin6_addr) != 1)
        return -1;
    if (is_four && four.sin_addr.s_addr == htonl(INADDR_ANY))
        four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (!is_four && memcmp(&six.sin6_addr, &in6addr_any, sizeof in6addr_any) == 0)
        six.sin6_addr = in6addr_loopback;
    int descriptor = socket(is_four ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return -1;
    struct timeval timeout = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    const struct sockaddr *where = is_four ? (const struct sockaddr *)&four : (const struct sockaddr *)&six;
    if (connect(descriptor, where, is_four ? sizeof four : sizeof six) == 0)
        return descriptor;
    close(descriptor);
    return -1;
}

static bool read_all(int descriptor, char **out_text)
{
    size_t used = 0, capacity = STEP;
    char *text = malloc(capacity);
    while (text) {
        ssize_t size = recv(descriptor, text + used, capacity - used - 1, 0);
        if (size < 0 && errno == EINTR)
            continue;
        if (size <= 0) {
            text[used] = '\0';
            *out_text = text;
            if (size == 0)
                return true;
            free(text);
            return false;
        }
        used += (size_t)size;
        if (capacity - used > 1)
            continue;
        char *grown = capacity < BODY_MAX ? realloc(text, capacity * 2) : NULL;
        if (!grown)
            break;
        text = grown;
        capacity *= 2;
    }
    free(text);
    return false;
}

bool http_get(const char *address, uint16_t port, const char *path, int timeout_ms, char **out_body,
              struct error *error)
{
    char request[256], where[128], *text;
    snprintf(where, sizeof where, "%s port %u", address, port);
    int descriptor = connect_to(address, port, timeout_ms);
    if (descriptor < 0)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, where, NULL, "nobody answers");
    int size = snprintf(request, sizeof request, "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", path, address);
    ensure(size > 0 && (size_t)size < sizeof request);
    bool fine = send(descriptor, request, (size_t)size, MSG_NOSIGNAL) == size && read_all(descriptor, &text);
    close(descriptor);
    if (!fine)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, where, NULL, "no answer came");
    char *body = strstr(text, "\r\n\r\n");
    bool is_answer = strncmp(text, "HTTP/1.", 7) == 0 && strncmp(text + 8, " 200", 4) == 0 && body;
    if (!is_answer) {
        free(text);
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, where, NULL,
                          "what answers is no process of clickveil");
    }
    memmove(text, body + 4, strlen(body + 4) + 1);
    *out_body = text;
    return true;
}
