/* A library with the functions of CUDA's driver that this project calls, for tests without a GPU.
 * It checks what the driver's documentation asks for, counts what is alive and what was done
 * wrongly, and can be told to fail. Work is queued and done when somebody waits for it, as on a
 * GPU; kernels are run by functions that the test registers.
 *
 * WITHOUT_GRAPHS leaves out what came with CUDA 11.4, OLD_UUID gives cuDeviceGetUuid its first name. */
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t address;

enum {
	SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NOT_INITIALIZED = 3, INVALID_DEVICE = 101,
	INVALID_CONTEXT = 201, INVALID_HANDLE = 400, ILLEGAL_STATE = 401, NOT_FOUND = 500,
	CONTEXT_DESTROYED = 709, CAPTURE_UNSUPPORTED = 900, CAPTURE_INVALIDATED = 901, CAPTURE_WRONG_THREAD = 908,
};

enum { CONTEXT = 0x51, STREAM, MODULE, FUNCTION, GRAPH, EXECUTABLE, KINDS };

enum { MOST_DEVICES = 4, MOST_PARAMS = 256, MOST_FAULTS = 16 };

typedef struct { int kind, live; } object;

typedef struct node {
	int kind, refs; /* 'l'aunch, 'w'rite, 'c'opy, 's'et */
	struct function *function;
	unsigned grid[3];
	address to, from;
	size_t bytes;
	unsigned value;
	unsigned char *data; /* parameters, or what is written */
} node;

typedef struct { node **all; int n, room; } list;

typedef struct context {
	object head;
	int device, lost;
	struct stream *streams;
	struct context *next;
} context;

typedef struct stream {
	object head;
	context *of;
	struct stream *next;
	list queue, captured;
	int capturing, invalid;
	pthread_t thread;
} stream;

typedef struct module { object head; context *of; struct module *next; } module;
typedef struct function { object head; module *of; char name[200]; int count; int sizes[MOST_PARAMS]; int total; } function;
typedef struct graph { object head; list nodes; } graph; /* an executable, too */

typedef struct { address start; uint64_t bytes; unsigned char *host; context *of; } buffer;

/* What a test's functions get of a launch. */
typedef struct {
	void *module;
	const char *kernel;
	uint64_t grid[3];
	unsigned char *params;
	const int *sizes;
	uint64_t count;
	buffer *buffers;
	uint64_t held;
} launch;

static struct { char name[100]; uint64_t memory, used; int major, minor, units; unsigned char uuid[16]; } devices[MOST_DEVICES];
static struct { char name[64]; int nth, code; } faults[MOST_FAULTS];
static int device_count, fault_count, version, initialized, running, init_code;
static int64_t live[KINDS], misuses, launches, runs, abandoned;
static char misuse_text[4096];
static buffer *buffers;
static int buffer_count, buffer_room;
static address next_address;
static module *modules;
static context *contexts;
static int (*load_text)(void *module, const char *text, char *log, size_t size);
static int (*kernel_params)(void *module, const char *name, int *sizes, size_t most);
static int (*run_launch)(launch *l);

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static __thread context *current;
static __thread stream *capture;

static int misuse(int code, const char *format, ...) {
	va_list args;
	size_t at = strlen(misuse_text);
	misuses++;
	va_start(args, format);
	vsnprintf(misuse_text + at, sizeof misuse_text - at, format, args);
	va_end(args);
	at = strlen(misuse_text);
	snprintf(misuse_text + at, sizeof misuse_text - at, "; ");
	return code;
}

/* fault is the code that a call is told to fail with. */
static int fault(const char *name) {
	for (int i = 0; i < fault_count; i++)
		if (!strcmp(faults[i].name, name) && faults[i].nth > 0 && --faults[i].nth == 0)
			return faults[i].code;
	return SUCCESS;
}

/* captures reports whether this thread captures a stream. */
static int captures(void) { return capture && capture->head.live; }

/* sticky errors end a context. */
static int sticky(int code) { return code == 700 || code == 702 || code == 214 || (code >= 714 && code <= 719); }

enum { ANY = 0, INIT = 1, CURRENT = 2, SAFE = 4 }; /* SAFE: allowed within a capture */

static int enter(const char *name, int needs) {
	int code = SUCCESS;
	pthread_mutex_lock(&mutex);
	if (fault_count && (code = fault(name)) != SUCCESS) {
		if (sticky(code) && current) current->lost = code;
	} else if ((needs & (INIT | CURRENT)) && !initialized) {
		code = NOT_INITIALIZED;
	} else if (needs & CURRENT) {
		if (!current) code = misuse(INVALID_CONTEXT, "%s without a context", name);
		else if (!current->head.live) code = misuse(CONTEXT_DESTROYED, "%s in a destroyed context", name);
		else code = current->lost;
	}
	if (!code && captures() && !(needs & SAFE)) code = misuse(CAPTURE_UNSUPPORTED, "%s within a capture", name);
	return code;
}

static int leave(int code) {
	if (code && captures()) capture->invalid = 1;
	pthread_mutex_unlock(&mutex);
	return code;
}

#define CALL(name, needs) do { int code_ = enter(name, needs); if (code_) return leave(code_); } while (0)

static void *make(int kind, size_t size) {
	object *o = calloc(1, size);
	o->kind = kind, o->live = 1;
	live[kind]++;
	return o;
}

static int valid(void *handle, int kind, const char *name) {
	object *o = handle;
	if (o && o->kind == kind && o->live) return 1;
	misuse(0, "%s with a handle that is %s", name, o && o->kind == kind ? "destroyed" : "none");
	return 0;
}

static void end(object *o) { o->live = 0, live[o->kind]--; }

static void push(list *l, node *n) {
	if (l->n == l->room) l->all = realloc(l->all, (l->room = 2 * l->room + 16) * sizeof *l->all);
	n->refs++;
	l->all[l->n++] = n;
}

static void clear(list *l) {
	for (int i = 0; i < l->n; i++)
		if (--l->all[i]->refs == 0) free(l->all[i]->data), free(l->all[i]);
	l->n = 0;
}

static buffer *holds(address a, size_t n) {
	for (int i = 0; i < buffer_count; i++)
		if (a >= buffers[i].start && a + n <= buffers[i].start + buffers[i].bytes && buffers[i].of == current) return &buffers[i];
	return NULL;
}

static unsigned char *at(address a, size_t n) {
	buffer *b = holds(a, n);
	return b ? b->host + (a - b->start) : NULL;
}

static int do_launch(node *n) {
	launch l = {n->function->of, n->function->name, {n->grid[0], n->grid[1], n->grid[2]}, n->data,
		n->function->sizes, n->function->count, buffers, buffer_count};
	runs++;
	if (!n->function->of->head.live) return misuse(715, "a kernel of an unloaded module runs");
	return run_launch ? run_launch(&l) : SUCCESS;
}

/* drain does all queued work of a stream. */
static int drain(stream *s) {
	for (int i = 0; i < s->queue.n && !s->of->lost; i++) {
		node *n = s->queue.all[i];
		unsigned char *to = n->kind == 'l' ? NULL : at(n->to, n->bytes);
		if (n->kind == 'l') {
			int code = fault("kernel");
			s->of->lost = code ? code : do_launch(n);
		} else if (!to || (n->kind == 'c' && !at(n->from, n->bytes))) {
			s->of->lost = misuse(700, "queued work on freed memory");
		} else if (n->kind == 'w') {
			memcpy(to, n->data, n->bytes);
		} else if (n->kind == 'c') {
			memcpy(to, at(n->from, n->bytes), n->bytes);
		} else {
			for (size_t k = 0; k < n->bytes; k += 4) memcpy(to + k, &n->value, 4);
		}
	}
	clear(&s->queue);
	return s->of->lost;
}

static int drain_all(void) {
	for (stream *s = current->streams; s; s = s->next)
		if (s->head.live && !s->capturing) drain(s);
	return current->lost;
}

/* queue adds work to a stream, or to what it captures. */
static int queue(stream *s, node *n) {
	if (s->capturing && !pthread_equal(s->thread, pthread_self())) {
		free(n);
		return misuse(CAPTURE_WRONG_THREAD, "work of another thread in a capture");
	}
	push(s->capturing ? &s->captured : &s->queue, n);
	return SUCCESS;
}

static node *new_node(int kind) {
	node *n = calloc(1, sizeof *n);
	n->kind = kind;
	return n;
}

static int on(stream *s, const char *name) {
	if (!valid(s, STREAM, name)) return INVALID_HANDLE;
	return s->of == current ? SUCCESS : misuse(INVALID_HANDLE, "%s on a stream of another context", name);
}

int cuInit(unsigned flags) {
	int code = enter("cuInit", ANY | SAFE);
	if (!code) code = flags ? INVALID_VALUE : init_code;
	if (!code) initialized = 1;
	return leave(code);
}

int cuDriverGetVersion(int *out) { CALL("cuDriverGetVersion", SAFE); *out = version; return leave(SUCCESS); }

int cuDeviceGetCount(int *out) { CALL("cuDeviceGetCount", INIT | SAFE); *out = device_count; return leave(SUCCESS); }

int cuDeviceGet(int *out, int number) {
	CALL("cuDeviceGet", INIT | SAFE);
	if (number < 0 || number >= device_count) return leave(INVALID_DEVICE);
	*out = number;
	return leave(SUCCESS);
}

#define DEVICE(d) do { if ((d) < 0 || (d) >= device_count) return leave(INVALID_DEVICE); } while (0)

int cuDeviceGetName(char *out, int size, int d) {
	CALL("cuDeviceGetName", INIT | SAFE);
	DEVICE(d);
	snprintf(out, size, "%s", devices[d].name);
	return leave(SUCCESS);
}

int cuDeviceTotalMem_v2(size_t *out, int d) {
	CALL("cuDeviceTotalMem_v2", INIT | SAFE);
	DEVICE(d);
	*out = devices[d].memory;
	return leave(SUCCESS);
}

#ifdef OLD_UUID
#define cuDeviceGetUuid_v2 cuDeviceGetUuid
#endif
int cuDeviceGetUuid_v2(unsigned char *out, int d) {
	CALL("cuDeviceGetUuid_v2", INIT | SAFE);
	DEVICE(d);
	memcpy(out, devices[d].uuid, 16);
	return leave(SUCCESS);
}

int cuDeviceGetAttribute(int *out, int which, int d) {
	CALL("cuDeviceGetAttribute", INIT | SAFE);
	DEVICE(d);
	switch (which) {
	case 16: *out = devices[d].units; break;
	case 75: *out = devices[d].major; break;
	case 76: *out = devices[d].minor; break;
	default: return leave(INVALID_VALUE);
	}
	return leave(SUCCESS);
}

int cuCtxCreate_v2(context **out, unsigned flags, int d) {
	CALL("cuCtxCreate_v2", INIT);
	DEVICE(d);
	if (flags & ~7u) return leave(INVALID_VALUE);
	*out = current = make(CONTEXT, sizeof **out);
	current->device = d, current->next = contexts, contexts = current;
	return leave(SUCCESS);
}

static void drop(int i) {
	devices[buffers[i].of->device].used -= buffers[i].bytes;
	free(buffers[i].host);
	buffers[i] = buffers[--buffer_count];
}

/* destroy ends a context with its streams, memory and modules; graphs stay. */
static void destroy(context *c) {
	for (stream *s = c->streams; s; s = s->next)
		if (s->head.live) clear(&s->queue), clear(&s->captured), end(&s->head), abandoned++;
	for (int i = buffer_count - 1; i >= 0; i--)
		if (buffers[i].of == c) drop(i), abandoned++;
	for (module *m = modules; m; m = m->next)
		if (m->of == c && m->head.live) end(&m->head);
	end(&c->head);
	if (current == c) current = NULL;
}

int cuCtxDestroy_v2(context *c) {
	CALL("cuCtxDestroy_v2", INIT);
	if (!valid(c, CONTEXT, "cuCtxDestroy_v2")) return leave(INVALID_CONTEXT);
	destroy(c);
	return leave(SUCCESS);
}

int cuCtxSetCurrent(context *c) {
	CALL("cuCtxSetCurrent", INIT | SAFE);
	if (c && !valid(c, CONTEXT, "cuCtxSetCurrent")) return leave(INVALID_CONTEXT);
	current = c;
	return leave(SUCCESS);
}

int cuStreamCreate(stream **out, unsigned flags) {
	CALL("cuStreamCreate", CURRENT);
	if (flags > 1) return leave(INVALID_VALUE);
	stream *s = *out = make(STREAM, sizeof **out);
	s->of = current, s->next = current->streams, current->streams = s;
	return leave(SUCCESS);
}

int cuStreamDestroy_v2(stream *s) {
	CALL("cuStreamDestroy_v2", CURRENT);
	int code = on(s, "cuStreamDestroy_v2");
	if (!code) drain(s), end(&s->head);
	return leave(code);
}

int cuStreamSynchronize(stream *s) {
	CALL("cuStreamSynchronize", CURRENT);
	int code = on(s, "cuStreamSynchronize");
	if (!code && s->capturing) s->invalid = 1, code = misuse(CAPTURE_UNSUPPORTED, "cuStreamSynchronize of a captured stream");
	return leave(code ? code : drain(s));
}

int cuMemAlloc_v2(address *out, size_t bytes) {
	CALL("cuMemAlloc_v2", CURRENT);
	uint64_t *used = &devices[current->device].used;
	if (!bytes) return leave(INVALID_VALUE);
	if (*used + bytes > devices[current->device].memory) return leave(OUT_OF_MEMORY);
	if (buffer_count == buffer_room) buffers = realloc(buffers, (buffer_room = 2 * buffer_room + 16) * sizeof *buffers);
	buffer b = {next_address, bytes, malloc(bytes), current};
	memset(b.host, 0xff, bytes); /* no numbers, for whoever reads what was not written */
	buffers[buffer_count++] = b;
	*used += bytes;
	*out = next_address;
	next_address += bytes / 4096 * 4096 + 8192;
	return leave(SUCCESS);
}

int cuMemFree_v2(address a) {
	CALL("cuMemFree_v2", CURRENT);
	int code = drain_all();
	if (code) return leave(code);
	for (int i = 0; i < buffer_count; i++)
		if (buffers[i].start == a && buffers[i].of == current) return drop(i), leave(SUCCESS);
	return leave(misuse(INVALID_VALUE, "cuMemFree_v2 of what is no buffer"));
}

int cuMemGetInfo_v2(size_t *left, size_t *all) {
	CALL("cuMemGetInfo_v2", CURRENT);
	*all = devices[current->device].memory, *left = *all - devices[current->device].used;
	return leave(SUCCESS);
}

int cuMemsetD32Async(address to, unsigned value, size_t words, stream *s) {
	CALL("cuMemsetD32Async", CURRENT | SAFE);
	int code = on(s, "cuMemsetD32Async");
	if (!code && !at(to, 4 * words)) code = misuse(INVALID_VALUE, "cuMemsetD32Async beyond a buffer");
	if (code) return leave(code);
	node *n = new_node('s');
	n->to = to, n->bytes = 4 * words, n->value = value;
	return leave(queue(s, n));
}

int cuMemcpyHtoDAsync_v2(address to, const void *from, size_t bytes, stream *s) {
	CALL("cuMemcpyHtoDAsync_v2", CURRENT);
	int code = on(s, "cuMemcpyHtoDAsync_v2");
	if (!code && !at(to, bytes)) code = misuse(INVALID_VALUE, "cuMemcpyHtoDAsync_v2 beyond a buffer");
	if (code) return leave(code);
	node *n = new_node('w');
	n->to = to, n->bytes = bytes, n->data = malloc(bytes);
	memcpy(n->data, from, bytes);
	return leave(queue(s, n));
}

int cuMemcpyDtoHAsync_v2(void *to, address from, size_t bytes, stream *s) {
	CALL("cuMemcpyDtoHAsync_v2", CURRENT);
	int code = on(s, "cuMemcpyDtoHAsync_v2");
	if (!code && !at(from, bytes)) code = misuse(INVALID_VALUE, "cuMemcpyDtoHAsync_v2 beyond a buffer");
	if (!code && s->capturing) s->invalid = 1, code = misuse(CAPTURE_UNSUPPORTED, "a copy to the host in a capture");
	if (!code && !(code = drain(s))) memcpy(to, at(from, bytes), bytes);
	return leave(code);
}

int cuMemcpyDtoDAsync_v2(address to, address from, size_t bytes, stream *s) {
	CALL("cuMemcpyDtoDAsync_v2", CURRENT | SAFE);
	int code = on(s, "cuMemcpyDtoDAsync_v2");
	if (!code && (!at(to, bytes) || !at(from, bytes))) code = misuse(INVALID_VALUE, "cuMemcpyDtoDAsync_v2 beyond a buffer");
	if (!code && to < from + bytes && from < to + bytes) code = misuse(INVALID_VALUE, "cuMemcpyDtoDAsync_v2 of places that overlap");
	if (code) return leave(code);
	node *n = new_node('c');
	n->to = to, n->from = from, n->bytes = bytes;
	return leave(queue(s, n));
}

int cuModuleLoadDataEx(module **out, const char *text, unsigned options, const int *which, void **values) {
	char *log = NULL;
	size_t size = 0;
	int code = enter("cuModuleLoadDataEx", CURRENT);
	for (unsigned i = 0; i < options; i++) {
		if (which[i] == 5) log = values[i];
		else if (which[i] == 6) size = (size_t)values[i];
		else if (!code) code = INVALID_VALUE;
	}
	if (code && log) snprintf(log, size, "ptxas application ptx input, line 1; fatal   : refused by the stand-in\n");
	if (code) return leave(code);
	module *m = make(MODULE, sizeof *m);
	m->of = current;
	if (load_text && (code = load_text(m, text, log, size)) != SUCCESS) return end(&m->head), leave(code);
	m->next = modules, modules = m;
	*out = m;
	return leave(SUCCESS);
}

int cuModuleUnload(module *m) {
	CALL("cuModuleUnload", CURRENT);
	if (!valid(m, MODULE, "cuModuleUnload")) return leave(INVALID_HANDLE);
	int code = drain_all();
	end(&m->head);
	return leave(code);
}

int cuModuleGetFunction(function **out, module *m, const char *name) {
	CALL("cuModuleGetFunction", CURRENT | SAFE);
	if (!valid(m, MODULE, "cuModuleGetFunction")) return leave(INVALID_HANDLE);
	function *f = make(FUNCTION, sizeof *f);
	f->of = m;
	snprintf(f->name, sizeof f->name, "%s", name);
	f->count = kernel_params ? kernel_params(m, name, f->sizes, MOST_PARAMS) : 0;
	if (f->count < 0) return end(&f->head), leave(NOT_FOUND);
	for (int i = 0; i < f->count; i++) f->total += f->sizes[i];
	*out = f;
	return leave(SUCCESS);
}

int cuLaunchKernel(function *f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared,
		stream *s, void **params, void **extra) {
	CALL("cuLaunchKernel", CURRENT | SAFE);
	int code = on(s, "cuLaunchKernel");
	if (!code && (!valid(f, FUNCTION, "cuLaunchKernel") || !valid(f->of, MODULE, "cuLaunchKernel"))) code = INVALID_HANDLE;
	if (!code && f->of->of != current) code = misuse(INVALID_HANDLE, "cuLaunchKernel of a kernel of another context");
	if (!code && (!gx || !gy || !gz || gx > 0x7fffffff || gy > 65535 || gz > 65535 || bx != 256 || by != 1 || bz != 1 || shared || extra))
		code = misuse(INVALID_VALUE, "cuLaunchKernel with grid %u %u %u, group %u %u %u", gx, gy, gz, bx, by, bz);
	if (code) return leave(code);
	launches++;
	if (!running && !s->capturing) return leave(SUCCESS);
	node *n = new_node('l');
	n->function = f, n->grid[0] = gx, n->grid[1] = gy, n->grid[2] = gz, n->data = malloc(f->total + 1);
	for (int i = 0, place = 0; i < f->count; place += f->sizes[i++]) memcpy(n->data + place, params[i], f->sizes[i]);
	return leave(queue(s, n));
}

int cuStreamBeginCapture_v2(stream *s, int mode) {
	CALL("cuStreamBeginCapture_v2", CURRENT);
	int code = on(s, "cuStreamBeginCapture_v2");
	if (!code && mode != 1) code = misuse(INVALID_VALUE, "capture mode %d", mode);
	if (!code && s->capturing) code = misuse(ILLEGAL_STATE, "a capture within a capture");
	if (!code) s->capturing = 1, s->invalid = 0, s->thread = pthread_self(), capture = s;
	return leave(code);
}

int cuStreamEndCapture(stream *s, graph **out) {
	CALL("cuStreamEndCapture", CURRENT | SAFE);
	int code = on(s, "cuStreamEndCapture");
	*out = NULL;
	if (!code && !s->capturing) code = misuse(ILLEGAL_STATE, "cuStreamEndCapture without a capture");
	if (!code && !pthread_equal(s->thread, pthread_self())) code = misuse(CAPTURE_WRONG_THREAD, "cuStreamEndCapture on another thread");
	if (code) return leave(code);
	capture = NULL, s->capturing = 0;
	if (s->invalid) return clear(&s->captured), leave(CAPTURE_INVALIDATED);
	graph *g = *out = make(GRAPH, sizeof **out);
	g->nodes = s->captured;
	memset(&s->captured, 0, sizeof s->captured);
	return leave(SUCCESS);
}

#ifndef WITHOUT_GRAPHS
int cuGraphInstantiateWithFlags(graph **out, graph *g, unsigned long long flags) {
	CALL("cuGraphInstantiateWithFlags", CURRENT);
	if (!valid(g, GRAPH, "cuGraphInstantiateWithFlags")) return leave(INVALID_HANDLE);
	if (flags) return leave(INVALID_VALUE);
	graph *e = *out = make(EXECUTABLE, sizeof **out);
	for (int i = 0; i < g->nodes.n; i++) push(&e->nodes, g->nodes.all[i]);
	return leave(SUCCESS);
}
#endif

int cuGraphLaunch(graph *e, stream *s) {
	CALL("cuGraphLaunch", CURRENT);
	int code = on(s, "cuGraphLaunch");
	if (!code && !valid(e, EXECUTABLE, "cuGraphLaunch")) code = INVALID_HANDLE;
	for (int i = 0; !code && running && i < e->nodes.n; i++) push(&s->queue, e->nodes.all[i]);
	return leave(code);
}

static int destroy_graph(graph *g, int kind, const char *name) {
	CALL(name, INIT);
	if (!valid(g, kind, name)) return leave(INVALID_HANDLE);
	clear(&g->nodes);
	end(&g->head);
	return leave(SUCCESS);
}

int cuGraphExecDestroy(graph *e) { return destroy_graph(e, EXECUTABLE, "cuGraphExecDestroy"); }

int cuGraphDestroy(graph *g) { return destroy_graph(g, GRAPH, "cuGraphDestroy"); }

static const struct { int code; const char *name, *text; } errors[] = {
	{0, "CUDA_SUCCESS", "no error"}, {1, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
	{2, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"}, {3, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
	{46, "CUDA_ERROR_DEVICE_UNAVAILABLE", "CUDA-capable device(s) is/are busy or unavailable"},
	{100, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
	{201, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
	{214, "CUDA_ERROR_ECC_UNCORRECTABLE", "uncorrectable ECC error encountered"},
	{218, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
	{222, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "the provided PTX was compiled with an unsupported toolchain."},
	{400, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"}, {500, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
	{700, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
	{701, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested for launch"},
	{702, "CUDA_ERROR_LAUNCH_TIMEOUT", "the launch timed out and was terminated"},
	{709, "CUDA_ERROR_CONTEXT_IS_DESTROYED", "context is destroyed"},
	{803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "system has unsupported display driver / cuda driver combination"},
	{804, "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE", "forward compatibility was attempted on non supported HW"},
	{805, "CUDA_ERROR_MPS_CONNECTION_FAILED", "MPS client failed to connect to the MPS control daemon or the MPS server"},
	{808, "CUDA_ERROR_MPS_MAX_CLIENTS_REACHED", "the hardware resources required to create MPS client have been exhausted"},
	{810, "CUDA_ERROR_MPS_CLIENT_TERMINATED", "MPS client has been terminated"},
	{900, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "operation not permitted when stream is capturing"},
	{901, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED", "operation failed due to a previous error during capture"},
};

static int describe(int code, const char **out, int name) {
	*out = NULL;
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
		if (errors[i].code == code) return *out = name ? errors[i].name : errors[i].text, SUCCESS;
	return INVALID_VALUE;
}

int cuGetErrorName(int code, const char **out) { return describe(code, out, 1); }

int cuGetErrorString(int code, const char **out) { return describe(code, out, 0); }

/* What follows is for tests. */

static int setting(const char *name, int standard) {
	const char *text = getenv(name);
	return text && *text ? atoi(text) : standard;
}

/* standin_reset forgets everything. A program that the test starts has its device described by the environment. */
__attribute__((constructor)) void standin_reset(void) {
	pthread_mutex_lock(&mutex);
	while (buffer_count) drop(buffer_count - 1);
	for (context *c = contexts; c; c = c->next) c->head.live = 0;
	modules = NULL, contexts = NULL, capture = NULL, current = NULL;
	memset(live, 0, sizeof live), memset(misuse_text, 0, sizeof misuse_text), memset(devices, 0, sizeof devices);
	misuses = launches = runs = abandoned = fault_count = initialized = 0;
	next_address = next_address ? next_address : (address)0x7f << 32;
	running = 1, version = 12040, init_code = setting("STANDIN_INIT", 0), device_count = setting("STANDIN_DEVICES", 1);
	for (int d = 0; d < MOST_DEVICES; d++) {
		snprintf(devices[d].name, sizeof devices[d].name, "Stand-in %d", d);
		devices[d].memory = 1 << 30, devices[d].major = setting("STANDIN_MAJOR", 9), devices[d].units = 4;
		for (int i = 0; i < 16; i++) devices[d].uuid[i] = 17 * i + d;
	}
	pthread_mutex_unlock(&mutex);
}

void standin_callbacks(void *load, void *params, void *run) {
	load_text = load, kernel_params = params, run_launch = run;
}

void standin_init(int code, int count, int driver) { init_code = code, device_count = count, version = driver, initialized = 0; }

void standin_device(int d, const char *name, uint64_t memory, int major, int minor, int units) {
	snprintf(devices[d].name, sizeof devices[d].name, "%s", name);
	devices[d].memory = memory, devices[d].major = major, devices[d].minor = minor, devices[d].units = units;
}

void standin_running(int on) { running = on; }

int standin_fail(const char *name, int nth, int code) {
	int i = 0;
	while (i < fault_count && faults[i].nth > 0) i++;
	if (i == MOST_FAULTS) return 0;
	if (i == fault_count) fault_count++;
	snprintf(faults[i].name, sizeof faults[i].name, "%s", name);
	faults[i].nth = nth, faults[i].code = code;
	return 1;
}

int64_t standin_count(const char *what) {
	static const char *kinds[] = {"contexts", "streams", "modules", "functions", "graphs", "executables"};
	int64_t bytes = 0;
	for (int i = 0; i < 6; i++)
		if (!strcmp(what, kinds[i])) return live[CONTEXT + i];
	for (int d = 0; d < MOST_DEVICES; d++) bytes += devices[d].used;
	if (!strcmp(what, "buffers")) return buffer_count;
	if (!strcmp(what, "bytes")) return bytes;
	if (!strcmp(what, "misuses")) return misuses;
	if (!strcmp(what, "launches")) return launches;
	if (!strcmp(what, "runs")) return runs;
	return !strcmp(what, "abandoned") ? abandoned : -1;
}

const char *standin_misuses(void) { return misuse_text; }
