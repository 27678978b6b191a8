package files

import (
	"errors"
	"fmt"
	"slices"
)

// Levels of a Note.
const (
	Seen    = "seen"    // a fact
	Assumed = "assumed" // a guess; Flag overrides it
	Warning = "warning" // something that is probably a mistake
)

// Note is one fact about how data were read.
type Note struct {
	Level string `json:"level"`
	Code  string `json:"code"` // stable
	Text  string `json:"text"`
	Flag  string `json:"flag,omitempty"` // the flag that overrides it
}

// Skipped is files of one kind that were not read.
type Skipped struct {
	Why   string   `json:"why"`
	Count int      `json:"count"`
	First []string `json:"first"` // their first names
}

// firstNames is how many names of skipped files an account keeps.
const firstNames = 3

// Account records what readers did: which files they read and left out, what
// they assumed, and what looks wrong. A nil Account records nothing.
type Account struct {
	Read    map[string]int // files by kind
	Skipped []Skipped
	Notes   []Note
	Unused  []string // parts that are not used
	// Accept holds the codes of refusals that the user overrides.
	Accept []string

	// Parted reports that parts were looked for.
	Parted bool
	// Based reports that labels were counted from the requested first label.
	Based bool

	seen map[string]bool // what was counted as skipped already
}

// Count notes one file that was read.
func (a *Account) Count(kind string) {
	if a == nil {
		return
	}
	if a.Read == nil {
		a.Read = map[string]int{}
	}
	a.Read[kind]++
}

// Uncount removes one file from those counted as read.
func (a *Account) Uncount(kind string) {
	if a == nil {
		return
	}
	if a.Read[kind]--; a.Read[kind] <= 0 {
		delete(a.Read, kind)
	}
}

// Skip notes one file that was not read.
func (a *Account) Skip(why, name string) {
	if a == nil || a.seen[why+"\x00"+name] {
		return
	}
	if a.seen == nil {
		a.seen = map[string]bool{}
	}
	a.seen[why+"\x00"+name] = true
	i := slices.IndexFunc(a.Skipped, func(s Skipped) bool { return s.Why == why })
	if i < 0 {
		i = len(a.Skipped)
		a.Skipped = append(a.Skipped, Skipped{Why: why})
	}
	s := &a.Skipped[i]
	if s.Count++; len(s.First) < firstNames {
		s.First = append(s.First, name)
	}
}

// Leave notes a part that is not used.
func (a *Account) Leave(part string) {
	if a == nil {
		return
	}
	if a.Parted = true; !slices.Contains(a.Unused, part) {
		a.Unused = append(a.Unused, part)
	}
}

// See notes a fact.
func (a *Account) See(code, format string, args ...any) { a.note(Seen, code, "", format, args...) }

// Assume notes a guess and the flag that overrides it.
func (a *Account) Assume(code, flag, format string, args ...any) {
	a.note(Assumed, code, flag, format, args...)
}

// Warn notes something that is probably a mistake, and the flag that mends it.
func (a *Account) Warn(code, flag, format string, args ...any) {
	a.note(Warning, code, flag, format, args...)
}

func (a *Account) note(level, code, flag, format string, args ...any) {
	a.Add(Note{Level: level, Code: code, Flag: flag, Text: fmt.Sprintf(format, args...)})
}

// Add adds a note, unless it is there already.
func (a *Account) Add(n Note) {
	if a == nil {
		return
	}
	if !slices.Contains(a.Notes, n) {
		a.Notes = append(a.Notes, n)
	}
}

// Refuse is an error with a code; nil, and a warning, when the user accepts it.
func (a *Account) Refuse(code string, e Error) error {
	if a.Accepts(code) {
		a.Warn(code, "", "accepted: %v", e.Err)
		return nil
	}
	e.Code = code
	if e.Hint != "" {
		e.Hint += "; or "
	}
	e.Hint += fmt.Sprintf("--accept %s goes on all the same", code)
	return &e
}

// Accepts reports whether the user overrides refusals of a code.
func (a *Account) Accepts(code string) bool { return a != nil && slices.Contains(a.Accept, code) }

// RefuseFile is the error of a file, with a code; nil, and the file counted as
// skipped, when the user accepts it.
func (a *Account) RefuseFile(code, why, name string, err error) error {
	if a.Accepts(code) {
		a.Skip(why, name)
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		out := *e
		out.Code = code
		out.Hint += fmt.Sprintf("; --accept %s leaves such files out", code)
		return &out
	}
	return err
}
