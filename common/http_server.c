#include "common/http_server.h"

#include "common/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 32 };

struct http_server {
    http_handler *handler;
    void *context;
    struct MHD_Daemon *daemon;
    uint16_t port;
};

/* ---- answers ---- */

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *content_type,
                              char *body, size_t size, enum MHD_ResponseMemoryMode mode)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(size, body, mode);
    if (!response) {
        if (mode == MHD_RESPMEM_MUST_FREE)
            free(body);
        return MHD_NO; /* closes the connection */
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

/* An answer of our own; it repeats nothing of the request. */
static enum MHD_Result answer_words(struct MHD_Connection *connection, unsigned status, const char *words)
{
    return answer(connection, status, "text/plain; charset=utf-8", (char *)words, strlen(words),
                  MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result answer_path(struct http_server *server, struct MHD_Connection *connection,
                                   const char *path)
{
    char *body = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&body, &size);
    if (!out)
        return answer_words(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory\n");
    const char *content_type = "text/plain; charset=utf-8";
    unsigned status = server->handler(server->context, path, out, &content_type);
    bool whole = !ferror(out);
    whole = fclose(out) == 0 && whole;
    if (whole && (status == MHD_HTTP_OK || status == MHD_HTTP_SERVICE_UNAVAILABLE))
        return answer(connection, status, content_type, body, size, MHD_RESPMEM_MUST_FREE);
    free(body);
    if (status == MHD_HTTP_NOT_FOUND)
        return answer_words(connection, status, "not found\n");
    return answer_words(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "this could not be answered\n");
}

/* The answer is queued at the first call, before any body of the request is read: none is wanted. */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **request)
{
    (void)version;
    (void)upload;
    (void)upload_size;
    (void)request;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return answer_words(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
    return answer_path(context, connection, path);
}

/* The library's messages can repeat what a client sent. Only that there is one is said. */
static void on_library_log(void *context, const char *format, va_list arguments)
{
    (void)context;
    (void)format;
    (void)arguments;
    log_line(LOG_LEVEL_DEBUG, "http_trouble", "libmicrohttpd had trouble with a connection");
}

/* ---- the socket ---- */

static socklen_t parse_address(const char *text, uint16_t port, struct sockaddr_storage *out_address)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)out_address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out_address;
    memset(out_address, 0, sizeof *out_address);
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        return sizeof *v4;
    }
    if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        return sizeof *v6;
    }
    return 0;
}

static bool listen_failed(const char *address, uint16_t port, int code, struct error *error)
{
    char where[128];
    snprintf(where, sizeof where, "http: %s port %u", address, port);
    switch (code) {
    case EADDRINUSE:
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, where,
                          "end the other process, or set http.port to another one (0 takes a free one)",
                          "the port is taken");
    case EADDRNOTAVAIL:
        return error_fail(error, EXIT_STATUS_CONFIGURATION, where,
                          "set http.address to an address of this machine, such as 127.0.0.1",
                          "this machine does not have the address");
    case EACCES:
        return error_fail(error, EXIT_STATUS_CONFIGURATION, where, "set http.port to one above 1023",
                          "this user may not listen on the port");
    case EAFNOSUPPORT:
        return error_fail(error, EXIT_STATUS_CONFIGURATION, where, "set http.address to 127.0.0.1",
                          "this machine does not speak that kind of address");
    default:
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, where, "set http.enabled to false to do without",
                          "cannot listen: %s", strerror(code));
    }
}

static bool open_socket(const char *address, uint16_t port, int *out_socket, uint16_t *out_port,
                        struct error *error)
{
    struct sockaddr_storage storage;
    socklen_t size = parse_address(address, port, &storage);
    if (!size)
        return error_fail(error, EXIT_STATUS_CONFIGURATION, "http.address",
                          "write an IP address as in 127.0.0.1 or ::1", "this is not an IP address");
    int on = 1, off = 0;
    int listener = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0)
        return listen_failed(address, port, errno, error);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (storage.ss_family == AF_INET6) /* `::` means both kinds, whatever the system's default is */
        setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(listener, (struct sockaddr *)&storage, size) != 0 || listen(listener, BACKLOG) != 0 ||
        getsockname(listener, (struct sockaddr *)&storage, &size) != 0) {
        int code = errno;
        close(listener);
        return listen_failed(address, port, code, error);
    }
    *out_port = ntohs(storage.ss_family == AF_INET ? ((struct sockaddr_in *)&storage)->sin_port
                                                   : ((struct sockaddr_in6 *)&storage)->sin6_port);
    *out_socket = listener;
    return true;
}

/* ---- life ---- */

static struct MHD_Daemon *start_daemon(struct http_server *server, int listener)
{
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_LISTEN_SOCKET, listener, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, HTTP_SERVER_CONNECTIONS_MAX, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, HTTP_SERVER_TIMEOUT_S, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, HTTP_SERVER_CONNECTION_BYTES_MAX, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    return MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO | MHD_USE_ERROR_LOG, server->port,
                            NULL, NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, on_library_log, NULL,
                            MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

struct http_server *http_server_new(const char *address, uint16_t port, http_handler *handler, void *context,
                                    struct error *error)
{
    struct http_server *server = calloc(1, sizeof *server);
    int listener = -1;
    if (!server) {
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, "http", "free memory", "no memory for the server");
        return NULL;
    }
    server->handler = handler;
    server->context = context;
    if (!open_socket(address, port, &listener, &server->port, error)) {
        free(server);
        return NULL;
    }
    server->daemon = start_daemon(server, listener);
    if (!server->daemon) {
        close(listener);
        free(server);
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, "http", "raise the limits of threads and open files",
                         "the server did not start");
        return NULL;
    }
    return server;
}

void http_server_free(struct http_server *server)
{
    if (!server)
        return;
    MHD_stop_daemon(server->daemon); /* closes the socket too */
    free(server);
}

uint16_t http_server_port(const struct http_server *server)
{
    return server->port;
}
