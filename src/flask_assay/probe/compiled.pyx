# cython: language_level=3, binding=True, nonecheck=True
"""The two paths that every request and every statement take, compiled.

Optional: where it was not built, the same is done in Python, by ``sensors.requests`` and
``sensors.queries``. These two are the reference, with the reasons; here is the same order of
steps for the usual case, and every other case is handed to them. A test sends the same requests
through both and compares what was recorded.
"""

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.object cimport PyObject
from cpython.ref cimport Py_XDECREF
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t, uintptr_t
from posix.time cimport (
    CLOCK_MONOTONIC, CLOCK_THREAD_CPUTIME_ID, clock_gettime, clockid_t, timespec
)

import sys
import time
from _thread import get_ident

from flask_assay.model.rows import RequestFlag, SpanFlag
from flask_assay.probe.recorder import MAX_ROWS
from flask_assay.probe.response import FACTS, KNOWN_CODES, NO_BODY, learn, length, status_code
from flask_assay.probe.sink import FLUSH_ROWS
from flask_assay.probe.work import CURRENT, MAX_SPANS, NO_ENVIRON
from flask_assay.recording import wire

cdef extern from "Python.h":
    int PyContextVar_Get(object variable, PyObject* default, PyObject** value) except -1
    object PyContextVar_Set(object variable, object value)

cdef packed struct RequestFrame:  # wire.FRAME and wire.REQUEST_HEAD
    uint8_t kind
    uint32_t length
    uint64_t start
    uint64_t wall
    uint64_t cpu
    uint64_t request_id
    uint64_t hash_1
    uint64_t hash_2
    uint64_t hash_3
    uint32_t route
    uint32_t endpoint
    uint32_t size
    uint32_t dropped
    uint32_t count
    uint16_t status
    uint16_t flags

cdef packed struct Span:  # wire.SPAN
    uint8_t kind
    uint8_t flags
    uint16_t connection
    uint32_t name
    uint32_t site
    uint32_t detail
    uint64_t start
    uint64_t wall
    int32_t rows
    uint32_t digest

_LAYOUTS = ("<BI", "<QQQQQQQIIIIIHH", "<BBHIIIQQiI")
if (wire.FRAME.format, wire.REQUEST_HEAD.format, wire.SPAN.format) != _LAYOUTS:
    raise ImportError("built for another layout of the recording")
if sys.byteorder != "little":
    raise ImportError("built for little-endian machines")

cdef object _CURRENT = CURRENT
cdef object _monotonic_ns = time.monotonic_ns
cdef object _get_ident = get_ident
cdef object _NO_ENVIRON = NO_ENVIRON
cdef object _learn = learn, _length = length, _status_code = status_code
cdef object _NEW = object()
cdef dict _FACTS = FACTS, _CODES = KNOWN_CODES
cdef tuple _NO_BODY = NO_BODY
cdef int _EXCEPTION = int(RequestFlag.EXCEPTION)
cdef int _NO_VIEW = int(RequestFlag.NO_VIEW)
cdef int _STREAMED = int(RequestFlag.STREAMED)
cdef int _TRUNCATED = int(RequestFlag.TRUNCATED)
cdef int _ROW = int(wire.FrameKind.REQUEST)
cdef int _ERROR = int(SpanFlag.ERROR)
cdef int64_t _MAX_U32 = 0xFFFFFFFF
cdef int64_t _MAX_ROWS = MAX_ROWS
cdef Py_ssize_t _FLUSH_ROWS = FLUSH_ROWS
cdef Py_ssize_t _CAP = MAX_SPANS


cdef inline int64_t _read(clockid_t clock) noexcept:
    cdef timespec now
    clock_gettime(clock, &now)
    return now.tv_sec * 1000000000 + now.tv_nsec


cdef inline object _current():
    cdef PyObject* found = NULL
    PyContextVar_Get(_CURRENT, NULL, &found)
    if found is NULL:
        return None
    result = <object>found
    Py_XDECREF(found)
    return result


cdef inline object _item(environ, str name):
    """Return an item of a WSGI environment, None without one; it is a dict, as PEP 3333 says."""
    if type(environ) is dict:
        return (<dict>environ).get(name)
    return environ.get(name)


cdef inline int64_t _size(value) except? -1:
    """Return ``response.length`` of a value."""
    cdef int64_t found = 0
    cdef Py_UCS4 character
    if type(value) is str and 0 < len(<str>value) <= 15:
        for character in <str>value:
            if not u"0" <= character <= u"9":
                break
            found = found * 10 + (<int64_t>character - 48)
        else:
            return found
    return min(_length(value), _MAX_U32)  # before it becomes a number of C


@cython.freelist(32)
cdef class Request:
    """As ``work.Request``, and as the class of ``sensors.requests`` that ends as a frame."""

    cdef Requests _into
    cdef public list spans
    cdef public object body, digest, endpoint, environ, headers, held, outer, rule, send, status
    cdef public bint is_answered, is_open
    cdef public int64_t body_bytes, cpu_ns, detail, dropped, flags, start_ns
    cdef public object thread

    @property
    def cap(self):
        """More spans than this are counted, not kept."""
        return _CAP

    def hold(self, connection):
        """Note a driver connection that is checked out."""
        if self.held is None:
            self.held = [connection]
        else:
            self.held.append(connection)

    def note_rule(self):
        """Keep the URL rule that was matched: Flask forgets the request before it is closed."""
        self.rule = getattr(self.environ.get("werkzeug.request"), "url_rule", None)

    def body_digest(self):
        """Return the hash of the body, 0 if none was taken."""
        if self.digest is None:
            return 0
        return int.from_bytes(self.digest.digest(), "little") or 1

    def start_response(self, status, headers, exc_info=None):
        """Stand in for the server's ``start_response``: note what passes, and pass it on."""
        self.status = status
        self.headers = headers
        request = _item(self.environ, "werkzeug.request")
        if request is not None:
            self.rule = getattr(request, "url_rule", None)
        if exc_info is None:
            return self.send(status, headers)
        return self.send(status, headers, exc_info)

    def end(self, int flags=0):
        """End the request, and write its row.

        Args:
            flags: ``RequestFlag`` bits to be added.
        """
        if not self.is_open:
            return
        self.is_open = False
        try:
            self._into.write(self, flags)
        except Exception as error:
            self._into.switch.fail(error)
        self.environ = _NO_ENVIRON
        if self.outer is not None:
            self._into.step_out(self)


cdef class Requests:
    """The requests of one recorder.

    Args:
        rows: ``sensors.requests``'s own, which sees to all that is not usual.
        closing: Werkzeug's ``ClosingIterator``, None if there is none.
        cpu_every_ns: The CPU clock is read for a request as long after the last that was.
    """

    cdef object rows, switch, recorder, sink, pending, append, clock, closing
    cdef object watch, begin, name_route, digest, request_id, has_length
    cdef object step_out
    cdef dict apps, routes
    cdef bint digests, reads_clock
    cdef int64_t cpu_due_ns, cpu_every_ns

    def __init__(self, rows, closing, cpu_every_ns):
        self.rows = rows
        self.switch = rows.switch
        self.recorder = rows.recorder
        self.sink = rows.recorder.sink
        self.pending = rows.recorder.sink.rows
        self.append = rows.recorder.sink.rows.append
        self.clock = rows.recorder.clock
        self.reads_clock = self.clock is _monotonic_ns
        self.closing = closing
        self.digests = rows.digests
        self.apps = rows.recorder.apps
        self.routes = rows.recorder.routes
        self.watch, self.begin, self.name_route = rows.watch, rows.begin, rows.name_route
        self.digest, self.step_out = rows.digest, rows.step_out
        self.request_id, self.has_length = rows.request_id, rows.has_length
        self.cpu_every_ns = cpu_every_ns

    def hook(self, original):
        """Return what stands in for ``Flask.__call__``."""

        def call(app, environ, start_response):
            return self.serve(original, app, environ, start_response)

        return call

    cdef inline int64_t now(self) except? -1:
        return _read(CLOCK_MONOTONIC) if self.reads_clock else self.clock()

    cdef serve(self, original, app, environ, start_response):
        cdef Request request = None
        if not self.switch.on:
            return original(app, environ, start_response)
        try:
            request = self.start(app, environ, start_response)
        except Exception as error:
            self.switch.fail(error)
            request = None
        if request is None:
            return original(app, environ, start_response)
        try:
            body = original(app, environ, request.start_response)
        except BaseException:
            request.end(_EXCEPTION)
            raise
        try:
            if type(body) is self.closing and not self.digests and self.tells_length(request):
                body._callbacks.append(request.end)
                request.is_answered = True
                return body
        except Exception:  # another release of Werkzeug: the general way
            pass
        return self.watch(request, body)

    cdef bint tells_length(self, Request request) except -1:
        headers = request.headers
        return headers[1][0] == "Content-Length" or self.has_length(headers)

    cdef Request start(self, app, environ, start_response):
        cdef Request request
        outer = _current()
        cdef bint is_known = self.apps.get(id(app)) == len(app.view_functions)
        cdef bint is_inner = not (is_known and (outer is None or not outer.is_open))
        if is_inner:
            if not self.begin(app, environ):
                return None
            outer = _current()
        request = Request.__new__(Request)
        request._into = self
        request.environ = environ
        request.send = start_response
        request.is_open = True
        request.spans = []
        request.endpoint = request.status = ""
        request.headers = ()
        request.body_bytes = -1
        if is_inner:
            request.outer = outer
        PyContextVar_Set(_CURRENT, request)
        request.start_ns = self.now()
        if request.start_ns >= self.cpu_due_ns:
            self.cpu_due_ns = request.start_ns + self.cpu_every_ns
            if self.rows.reads_cpu:
                request.thread = _get_ident()
                request.cpu_ns = _read(CLOCK_THREAD_CPUTIME_ID)
        return request

    cdef write(self, Request request, int flags):
        cdef RequestFrame head
        cdef int64_t cpu = request.cpu_ns, size = -1
        cdef bytes spans = b""
        head.wall = self.now() - request.start_ns
        if cpu:
            if _get_ident() == request.thread:
                cpu = _read(CLOCK_THREAD_CPUTIME_ID) - cpu
            else:
                cpu = 0
        method = request.environ["REQUEST_METHOD"]
        sent = _item(request.environ, "HTTP_X_ASSAY_REQUEST")
        rule = request.rule
        route = self.routes.get((<uintptr_t><PyObject*>rule, method))
        if route is None or (<tuple>route)[0] is not rule:
            route = self.name_route(method, rule, request.endpoint)
        for name, value in request.headers:
            fact = _FACTS.get(name, _NEW)
            if fact is _NEW:
                fact = _learn(name)
            if fact is _length:
                size = _size(value)
            elif fact is not None:
                flags |= <int>fact(value)
        status = request.status
        code = _CODES.get(status) or _status_code(status)
        if size < 0 and code not in _NO_BODY:
            flags |= _STREAMED
        if request.body_bytes >= 0:
            size = request.body_bytes
        flags |= request.flags
        if self.recorder.sees_views and not request.endpoint:
            flags |= _NO_VIEW
        if request.dropped:
            flags |= _TRUNCATED
        head.count = 0
        if request.spans:
            spans = b"".join(request.spans)
            head.count = len(request.spans)
            request.spans = []
        head.hash_1 = head.hash_2 = head.hash_3 = 0
        if self.digests:
            head.hash_1, head.hash_2, head.hash_3 = self.digest(request)
        head.kind = _ROW
        head.length = sizeof(RequestFrame) - 5 + len(spans)
        head.start = request.start_ns
        head.cpu = cpu
        head.request_id = self.request_id(sent) if sent else 0
        head.route = (<tuple>route)[1]
        head.endpoint = (<tuple>route)[2]
        head.size = 0 if size < 0 else min(size, _MAX_U32)
        head.dropped = request.dropped
        head.status = code
        head.flags = flags
        row = PyBytes_FromStringAndSize(<char*>&head, sizeof(RequestFrame))
        self.append(row + spans if head.count else row)
        if len(self.pending) > _FLUSH_ROWS:
            self.sink.relieve()


cdef class Executions:
    """The statements of one recorder.

    Args:
        recorder: Its recorder.
        switch: Of the sensor.
        record: ``sensors.queries``'s own function, for all that is not usual.
    """

    cdef object recorder, switch, clock, record, learn, find_site, counts
    cdef dict by_text, connections
    cdef bint reads_clock, with_sites
    cdef object first, every

    def __init__(self, recorder, switch, record):
        self.recorder = recorder
        self.switch = switch
        self.clock = recorder.clock
        self.reads_clock = self.clock is _monotonic_ns
        self.record = record
        self.learn = recorder.statements.learn
        self.by_text = recorder.statements.by_text
        self.counts = recorder.counts
        self.connections = recorder.connections
        self.find_site = recorder.sites.find
        self.with_sites = recorder.plan.call_sites
        self.first, self.every = recorder.plan.call_site_first, recorder.plan.call_site_every

    def do_execute(self, original):
        """Return what stands in for a dialect's ``do_execute``."""

        def do_execute(self_, cursor, statement, parameters, context=None):
            return self.execute(original, self_, cursor, statement, parameters, context)

        return do_execute

    cdef inline int64_t now(self) except? -1:
        return _read(CLOCK_MONOTONIC) if self.reads_clock else self.clock()

    cdef execute(self, original, dialect, cursor, statement, parameters, context):
        cdef int64_t start = 0
        if self.switch.on:
            try:
                start = self.now()
            except Exception as error:
                self.switch.fail(error)
        if not start:
            return original(dialect, cursor, statement, parameters, context)
        try:
            result = original(dialect, cursor, statement, parameters, context)
        except BaseException:
            self.record(cursor, statement, parameters, start, _ERROR, 0)
            raise
        try:
            self.note(cursor, statement, parameters, start)
        except Exception as error:
            self.switch.fail(error)
        return result

    cdef note(self, cursor, statement, parameters, int64_t start):
        cdef Request work
        cdef Span span
        cdef int64_t now, rows
        found = _current()
        shape = self.by_text.get(statement)
        if type(found) is not Request or shape is None or shape.unsaved:
            self.record(cursor, statement, parameters, start, 0, 1)
            return
        work = <Request>found
        if not work.is_open or work.detail or len(work.spans) >= _CAP:
            self.record(cursor, statement, parameters, start, 0, 1)
            return
        now = self.now()
        self.counts.queries += shape.counted
        span.site = 0
        if self.with_sites and shape.wants_site(work.endpoint, self.first, self.every):
            span.site = self.find_site()
        count = getattr(cursor, "rowcount", -1)
        rows = -1 if count is None else count
        span.kind = shape.kind
        span.flags = 0
        connection = getattr(cursor, "connection", cursor)
        span.connection = self.connections.get(<uintptr_t><PyObject*>connection, 0)
        span.name = shape.name
        span.detail = 0
        span.start = start
        span.wall = now - start
        span.rows = rows if -1 <= rows <= _MAX_ROWS else -1
        span.digest = _digest(self.recorder.salt, statement, parameters)
        work.spans.append(PyBytes_FromStringAndSize(<char*>&span, sizeof(Span)))


cdef uint32_t _digest(salt, statement, parameters) except? 0:
    cdef uint64_t found
    try:
        if not parameters:
            values = ()
        elif type(parameters) is tuple:
            values = parameters
        elif type(parameters) is dict:
            values = tuple((<dict>parameters).values())
        elif isinstance(parameters, dict):  # which may say otherwise what its values are
            values = tuple(parameters.values())
        else:
            values = tuple(parameters)
        found = <uint64_t>hash((salt, statement, values))
    except TypeError:  # lists, mappings: compare them as they read
        found = <uint64_t>hash((salt, statement, repr(parameters)))
    return <uint32_t>(found & 0xFFFFFFFF) or 1
