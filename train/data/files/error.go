package files

import (
	"errors"
	"fmt"
	"strings"
)

// Causes of an Error.
var (
	ErrFormat    = errors.New("not in the expected format")
	ErrTruncated = errors.New("ends too early")
	ErrTrailing  = errors.New("has bytes after the end")
	ErrTooLarge  = errors.New("is larger than this reader accepts")
	ErrValue     = errors.New("is no value to learn from")
	ErrLabel     = errors.New("is no label")
)

// defaultHint is for files that do not decode at all.
const defaultHint = "the file may be damaged or another kind of file: compare its sha-256 with the source, or fetch " +
	"it again"

// Error says what is wrong with a data file, where, and what to do. The place
// is a byte, or a line and column of a table, or a sample of an array.
type Error struct {
	Path   string
	Offset int64  // in the decompressed content, when no other place is set
	Line   int    // of a table, from 1
	Column int    // of a table, from 1; 0 for the whole line
	Place  string // any other place: "sample 7 of x_train"; Whole for all of it
	Err    error
	Hint   string
	// Code is the stable name of a refusal that --accept overrides; empty for
	// other errors.
	Code string
}

func (e *Error) Error() string {
	place := fmt.Sprintf("byte %d: ", e.Offset)
	switch {
	case e.Column > 0:
		place = fmt.Sprintf("line %d, column %d: ", e.Line, e.Column)
	case e.Line > 0:
		place = fmt.Sprintf("line %d: ", e.Line)
	case e.Place == Whole:
		place = ""
	case e.Place != "":
		place = e.Place + ": "
	}
	return fmt.Sprintf("read %s: %s%v", e.Path, place, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Whole is the Place of an error about the whole file.
const Whole = "-"

// Because fills in the place, the cause and what to do about it.
func (e Error) Because(cause error, hint string) *Error {
	e.Err, e.Hint = cause, hint
	return &e
}

// At is an error at a byte.
func At(offset int64, err error) error { return &Error{Offset: offset, Err: err} }

// Named adds the path, and a hint if it has none, to an error.
func Named(path string, err error) error {
	if err == nil {
		return nil
	}
	out := Error{Path: path, Err: err}
	var inner *Error
	if errors.As(err, &inner) {
		out = *inner
		out.Path = path
	}
	if inner != nil && inner.Path != "" {
		return err
	}
	if out.Hint == "" {
		out.Hint = defaultHint
	}
	return &out
}

// Quoted is a piece of a file, quoted for an error message.
func Quoted(s string) string {
	const most = 40
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return fmt.Sprintf("%q", s)
}

// Joined lists some names.
func Joined(names []string) string {
	const most = 12
	if len(names) > most {
		return strings.Join(names[:most], ", ") + ", ..."
	}
	return strings.Join(names, ", ")
}
