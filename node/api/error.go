package api

import (
	"context"
	"errors"
	"fmt"
)

// Code is the stable name of a kind of failure.
type Code string

// The codes, and the exit codes that the command line gives them.
const (
	CodeFailed     Code = "failed"       // 1
	CodeUsage      Code = "usage"        // 2
	CodePartly     Code = "partly_done"  // 3: running it again resumes
	CodeNotFound   Code = "not_found"    // 4: not in the mesh
	CodeRefused    Code = "refused"      // 5
	CodeNotRunning Code = "not_running"  // 6: needs a running node
	CodeBusy       Code = "busy"         // 7
	CodeStalled    Code = "no_progress"  // 8
	CodeVerify     Code = "not_verified" // 9
	CodeHere       Code = "not_here"     // 10: not supported on this machine
	CodeStopped    Code = "interrupted"  // 130
)

var exitCodes = map[Code]int{
	CodeFailed: 1, CodeUsage: 2, CodePartly: 3, CodeNotFound: 4, CodeRefused: 5, CodeNotRunning: 6,
	CodeBusy: 7, CodeStalled: 8, CodeVerify: 9, CodeHere: 10, CodeStopped: 130,
}

// ExitCode is the exit code of a process that fails with this code; 1 for a code
// that this version does not know.
func (c Code) ExitCode() int {
	if exit, ok := exitCodes[c]; ok {
		return exit
	}
	return exitCodes[CodeFailed]
}

// Error is what the user and programs are shown: a stable code, one plain sentence,
// and a hint that says what to run.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	cause   error
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// Unwrap returns what caused it, in the process where it happened.
func (e *Error) Unwrap() error { return e.cause }

// Fail builds an Error. The format may wrap a cause with %w.
func Fail(code Code, hint, format string, args ...any) *Error {
	cause := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: cause.Error(), Hint: hint, cause: cause}
}

// Cause is the code and hint of errors that another package returns.
type Cause struct {
	Is   error // as errors.Is finds it
	Code Code
	Hint string
}

// canceled is the cause that every operation may have.
var canceled = Cause{context.Canceled, CodeStopped, "run the same command again to resume"}

// Describe turns any error into an Error: one that is wrapped keeps its code and
// hint, a canceled context is CodeStopped, any other has those of the first cause
// that it is, or else CodeFailed and no hint.
func Describe(err error, causes ...Cause) *Error {
	var e *Error
	if errors.As(err, &e) {
		if e.Message == err.Error() {
			return e
		}
		return &Error{Code: e.Code, Message: err.Error(), Hint: e.Hint, cause: err}
	}
	for _, c := range append([]Cause{canceled}, causes...) {
		if errors.Is(err, c.Is) {
			return &Error{Code: c.Code, Message: err.Error(), Hint: c.Hint, cause: err}
		}
	}
	return &Error{Code: CodeFailed, Message: err.Error(), cause: err}
}
