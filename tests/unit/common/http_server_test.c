#include "common/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static unsigned on_path(void *context, const char *path, FILE *body, const char **content_type)
{
    unsigned *calls = context;
    ++*calls;
    fputs("words\n", body);
    if (strcmp(path, "/json") == 0) {
        *content_type = "application/json";
        return 200;
    }
    if (strcmp(path, "/") == 0)
        return 200;
    if (strcmp(path, "/busy") == 0)
        return 503;
    if (strcmp(path, "/broken") == 0)
        return 500;
    return 404;
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    return client;
}

/* Read until the server closes; always terminated. */
static void read_all(int client, char *text, size_t text_size)
{
    size_t used = 0;
    ssize_t size;
    while (used + 1 < text_size && (size = recv(client, text + used, text_size - used - 1, 0)) > 0)
        used += (size_t)size;
    text[used] = '\0';
    close(client);
}

static void ask(uint16_t port, const char *request, char *text, size_t text_size)
{
    int client = connect_to(port);
    assert_int_equal(send(client, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    read_all(client, text, text_size);
}

static const char *body_of(const char *text)
{
    const char *end = strstr(text, "\r\n\r\n");
    assert_non_null(end);
    return end + 4;
}

static void each_request_has_its_answer(void **state)
{
    static const struct {
        const char *request;
        const char *status;
        const char *body;
        const char *header;
        const char *why;
    } rows[] = {
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 ", "words\n",
         "Content-Type: text/plain; charset=utf-8\r\n", "a known path"},
        {"GET /json HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 ", "words\n",
         "Content-Type: application/json\r\n", "the handler's own type"},
        {"GET /json?a=b HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 ", "words\n", "Content-Length: 6\r\n",
         "a query does not count"},
        {"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 ", "", "Content-Length: 6\r\n",
         "HEAD has the length, not the body"},
        {"GET / HTTP/1.0\r\n\r\n", "HTTP/1.", "words\n", "Connection: close\r\n", "an old client"},
        {"GET /busy HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 503 ", "words\n", "Cache-Control: no-store\r\n",
         "not ready has its words too"},
        {"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 ", "not found\n", "Connection: close\r\n",
         "an unknown path; nothing of it is repeated"},
        {"GET /broken HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 500 ", "this could not be answered\n",
         "Connection: close\r\n", "half an answer is none"},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody", "HTTP/1.1 405 ",
         "only GET and HEAD\n", "Allow: GET, HEAD\r\n", "no other method"},
        {"PUT /json HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 405 ", "only GET and HEAD\n",
         "Allow: GET, HEAD\r\n", "no other method"},
        {"DELETE /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 405 ", "only GET and HEAD\n",
         "Allow: GET, HEAD\r\n", "the method is looked at first"},
        {"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 405 ", "only GET and HEAD\n",
         "Allow: GET, HEAD\r\n", "no other method"},
        {"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 405 ", "only GET and HEAD\n", "Allow: GET, HEAD\r\n",
         "a method that nobody knows"},
    };
    (void)state;
    unsigned calls = 0;
    struct error error = {0};
    struct http_server *server = http_server_new("127.0.0.1", 0, on_path, &calls, &error);
    assert_non_null(server);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[4096];
        ask(http_server_port(server), rows[i].request, text, sizeof text);
        if (strncmp(text, rows[i].status, strlen(rows[i].status)) != 0 ||
            strcmp(body_of(text), rows[i].body) != 0 || !strcasestr(text, rows[i].header))
            fail_msg("%s: %s got\n%s", rows[i].why, rows[i].request, text);
    }
    assert_int_equal(calls, 8); /* the handler sees GET and HEAD only */
    http_server_free(server);
}

static void nonsense_is_refused_without_the_handler(void **state)
{
    (void)state;
    unsigned calls = 0;
    struct error error = {0};
    struct http_server *server = http_server_new("127.0.0.1", 0, on_path, &calls, &error);
    assert_non_null(server);
    char text[4096];
    ask(http_server_port(server), "\x16\x03\x01 this is not HTTP\r\n\r\n", text, sizeof text);
    assert_null(strstr(text, " 200 "));
    assert_int_equal(calls, 0);
    http_server_free(server);
}

static void a_request_over_the_bound_is_refused(void **state)
{
    (void)state;
    unsigned calls = 0;
    struct error error = {0};
    struct http_server *server = http_server_new("127.0.0.1", 0, on_path, &calls, &error);
    assert_non_null(server);
    static char request[2 * HTTP_SERVER_CONNECTION_BYTES_MAX], text[4096];
    int head = snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: x\r\nX-Long: ");
    memset(request + head, 'a', sizeof request - (size_t)head - 1);
    int client = connect_to(http_server_port(server));
    (void)send(client, request, strlen(request), MSG_NOSIGNAL);
    read_all(client, text, sizeof text);
    assert_null(strstr(text, " 200 "));
    assert_int_equal(calls, 0);
    http_server_free(server);
}

static void silent_connections_do_not_keep_others_out(void **state)
{
    (void)state;
    unsigned calls = 0;
    struct error error = {0};
    struct http_server *server = http_server_new("127.0.0.1", 0, on_path, &calls, &error);
    assert_non_null(server);
    int silent[HTTP_SERVER_CONNECTIONS_MAX - 1];
    for (unsigned i = 0; i < HTTP_SERVER_CONNECTIONS_MAX - 1; i++)
        silent[i] = connect_to(http_server_port(server));
    char text[4096];
    ask(http_server_port(server), "GET / HTTP/1.1\r\nHost: x\r\n\r\n", text, sizeof text);
    assert_string_equal(body_of(text), "words\n");
    for (unsigned i = 0; i < HTTP_SERVER_CONNECTIONS_MAX - 1; i++)
        close(silent[i]);
    http_server_free(server);
}

static void a_taken_port_is_a_service_that_is_not_there(void **state)
{
    (void)state;
    unsigned calls = 0;
    struct error error = {0};
    struct http_server *first = http_server_new("127.0.0.1", 0, on_path, &calls, &error);
    assert_non_null(first);
    struct http_server *second =
        http_server_new("127.0.0.1", http_server_port(first), on_path, &calls, &error);
    assert_null(second);
    assert_int_equal(error.exit_status, EXIT_STATUS_UNAVAILABLE);
    assert_string_equal(error.what, "the port is taken");
    assert_non_null(strstr(error.action, "http.port"));
    uint16_t port = http_server_port(first);
    http_server_free(first);
    /* and it is free again at once */
    second = http_server_new("127.0.0.1", port, on_path, &calls, &error);
    assert_non_null(second);
    http_server_free(second);
}

static void a_wrong_address_is_bad_configuration(void **state)
{
    static const struct {
        const char *address, *why;
    } rows[] = {
        {"192.0.2.1", "TEST-NET-1 (RFC 5737): nobody has it"},
        {"localhost", "a name is no address"},
        {"", "empty"},
        {"127.0.0.1:80", "the port has an option of its own"},
    };
    (void)state;
    unsigned calls = 0;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error error = {0};
        struct http_server *server = http_server_new(rows[i].address, 0, on_path, &calls, &error);
        if (server || error.exit_status != EXIT_STATUS_CONFIGURATION)
            fail_msg("%s: %s", rows[i].why, error.what);
    }
}

static bool machine_has_ipv6(void)
{
    int probe = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    bool has = probe >= 0 && bind(probe, (struct sockaddr *)&address, sizeof address) == 0;
    if (probe >= 0)
        close(probe);
    return has;
}

static void ipv6_is_served_too(void **state)
{
    (void)state;
    if (!machine_has_ipv6())
        skip();
    unsigned calls = 0;
    struct error error = {0};
    struct http_server *server = http_server_new("::1", 0, on_path, &calls, &error);
    assert_non_null(server);
    struct sockaddr_in6 address = {.sin6_family = AF_INET6,
                                   .sin6_addr = IN6ADDR_LOOPBACK_INIT,
                                   .sin6_port = htons(http_server_port(server))};
    int client = socket(AF_INET6, SOCK_STREAM, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    const char *request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_int_equal(send(client, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    char text[4096];
    read_all(client, text, sizeof text);
    assert_string_equal(body_of(text), "words\n");
    http_server_free(server);
}

static void nothing_to_free_is_fine(void **state)
{
    (void)state;
    http_server_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_request_has_its_answer),
        cmocka_unit_test(nonsense_is_refused_without_the_handler),
        cmocka_unit_test(a_request_over_the_bound_is_refused),
        cmocka_unit_test(silent_connections_do_not_keep_others_out),
        cmocka_unit_test(a_taken_port_is_a_service_that_is_not_there),
        cmocka_unit_test(a_wrong_address_is_bad_configuration),
        cmocka_unit_test(ipv6_is_served_too),
        cmocka_unit_test(nothing_to_free_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
