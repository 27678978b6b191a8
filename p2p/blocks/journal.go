package blocks

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/ipfs/go-cid"
)

// journalName is the name of the journal beside the database.
const journalName = "pins"

// journalHeader is the first line of a journal.
const journalHeader = "distillmesh pins 1\n"

// journal is the second record of what is pinned, beside the database: a text file to
// which every pin and unpin adds a line, synced before the database is changed. Each
// line carries a checksum, so that damage is noticed and not taken for an empty store.
type journal struct {
	path  string
	file  *os.File
	lines int // after the header
}

// entry is one line of a journal.
type entry struct {
	Pin
	removed bool
}

// replay is what a journal says.
type replay struct {
	missing bool              // there was no journal
	entries map[cid.Cid]entry // the last line of each root
	last    cid.Cid           // root of the last line, which a crash may have kept from the database
	damaged int               // lines that cannot be read
	torn    bool              // the last line is not whole
}

// says reports whether the journal says that exactly pins are pinned, and is whole.
func (r replay) says(pins map[cid.Cid]Pin) bool {
	pinned := 0
	for root, e := range r.entries {
		if !e.removed {
			pinned++
		}
		if _, ok := pins[root]; ok == e.removed {
			return false
		}
	}
	return pinned == len(pins) && !r.missing && !r.torn && r.damaged == 0
}

// spareLines is how many lines beyond two per pin a journal may have.
const spareLines = 64

// openJournal reads and opens the journal at path; it makes none.
func openJournal(path string) (*journal, replay, error) {
	out := replay{entries: map[cid.Cid]entry{}}
	j := &journal{path: path}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		out.missing = true
		return j, out, nil
	}
	if err != nil {
		return nil, out, err
	}
	body, ok := bytes.CutPrefix(text, []byte(journalHeader))
	if !ok {
		out.damaged++
		_, body, _ = bytes.Cut(text, []byte("\n"))
	}
	// A power cut may leave the beginning of a line, whose pin was never confirmed.
	end := bytes.LastIndexByte(body, '\n') + 1
	out.torn = end < len(body)
	for line := range bytes.Lines(body[:end]) {
		j.lines++
		e, err := parseEntry(strings.TrimSuffix(string(line), "\n"))
		if err != nil {
			out.damaged++
			continue
		}
		out.entries[e.Root], out.last = e, e.Root
	}
	return j, out, nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// line writes an entry: checksum, + or -, root, bytes, blocks and name.
func (e entry) line() string {
	sign := "+"
	if e.removed {
		sign = "-"
	}
	text := fmt.Sprintf("%s %s %d %d %q", sign, e.Root, e.Bytes, e.Blocks, e.Name)
	return fmt.Sprintf("%08x %s\n", crc32.Checksum([]byte(text), castagnoli), text)
}

// errLine means that a line of a journal is not as it was written.
var errLine = errors.New("damaged line")

func parseEntry(line string) (e entry, err error) {
	sum, text, _ := strings.Cut(line, " ")
	if want, err := strconv.ParseUint(sum, 16, 32); err != nil ||
		uint32(want) != crc32.Checksum([]byte(text), castagnoli) {
		return e, errLine
	}
	parts := strings.SplitN(text, " ", 5)
	if len(parts) != 5 {
		return e, errLine
	}
	e.removed = parts[0] == "-"
	var errs [4]error
	e.Root, errs[0] = cid.Decode(parts[1])
	e.Bytes, errs[1] = strconv.ParseInt(parts[2], 10, 64)
	e.Blocks, errs[2] = strconv.ParseInt(parts[3], 10, 64)
	e.Name, errs[3] = strconv.Unquote(parts[4])
	return e, errors.Join(errs[:]...)
}

// add appends an entry and waits until the disk has it.
func (j *journal) add(e entry) error {
	if j == nil {
		return nil
	}
	if _, err := j.file.WriteString(e.line()); err != nil {
		return fmt.Errorf("write journal of pins: %w", err)
	}
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("write journal of pins: %w", err)
	}
	j.lines++
	return nil
}

// rewrite replaces the journal by one line per pin, so that a crash leaves the old
// journal or the new one. A damaged journal is kept beside it.
func (j *journal) rewrite(pins map[cid.Cid]Pin, damaged bool) error {
	if j == nil {
		return nil
	}
	fail := func(err error) error { return fmt.Errorf("rewrite journal of pins: %w", err) }
	f, err := os.CreateTemp(filepath.Dir(j.path), ".pins-*")
	if err != nil {
		return fail(err)
	}
	defer os.Remove(f.Name()) // fails once it is renamed
	var text bytes.Buffer
	text.WriteString(journalHeader)
	for _, p := range pins {
		text.WriteString(entry{Pin: p}.line())
	}
	_, err = f.Write(text.Bytes())
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fail(err)
	}
	if damaged {
		if err := os.Rename(j.path, j.path+".damaged"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fail(err)
		}
	}
	if err := j.close(); err != nil {
		return fail(err)
	}
	if err := os.Rename(f.Name(), j.path); err != nil {
		return fail(err)
	}
	j.lines = len(pins)
	return j.resume()
}

// resume opens a journal for further lines.
func (j *journal) resume() (err error) {
	if j == nil {
		return nil
	}
	if j.file, err = os.OpenFile(j.path, os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return fmt.Errorf("open journal of pins: %w", err)
	}
	return nil
}

// close closes the file.
func (j *journal) close() error {
	if j == nil || j.file == nil {
		return nil
	}
	err := j.file.Close()
	j.file = nil
	return err
}
