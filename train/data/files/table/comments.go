package table

import (
	"bufio"
	"bytes"
	"errors"
	"slices"
	"strings"
)

// comments finds the comments at the top of a text, skips them, and returns their
// line numbers.
func (d *dialect) comments(lines []string) (top []int) {
	for i := d.skip; i < len(lines); i++ {
		text := strings.TrimSpace(lines[i])
		switch {
		case text == "":
			continue
		case text[0] == '#' || text[0] == '%':
			d.comment, top = rune(text[0]), append(top, i)
			continue
		case top != nil:
			d.skip = top[len(top)-1] + 1
		}
		return top
	}
	d.comment = 0 // nothing else: these are not comments after all
	return nil
}

func (d *dialect) isComment(line string) bool {
	return d.comment != 0 && strings.HasPrefix(strings.TrimLeft(line, " \t"), string(d.comment))
}

// commentHeader takes the last comment at the top for the names of the columns
// when it has as many fields as rows. A line with the mark alone in its first
// field, and numbers in others, is a row: the comments end before it.
func (d *dialect) commentHeader(lines []string, top []int) {
	for k, i := range top {
		if row := d.fieldsOf(lines[i]); d.markAlone(row) && slices.ContainsFunc(row, isNumber) {
			top, d.skip = top[:k], i
			break
		}
	}
	if len(top) == 0 {
		return
	}
	line := strings.TrimSpace(lines[top[len(top)-1]])
	row := d.fieldsOf(line)
	if !d.markAlone(row) {
		row = d.fieldsOf(strings.TrimLeft(strings.TrimLeft(line, "#%"), " "))
	}
	if len(row) != d.fields || slices.ContainsFunc(row, func(s string) bool { return s == "" || isNumber(s) }) {
		d.note("comments", "", "lines at the top that begin with %c are comments", d.comment)
		return
	}
	d.header = row
	d.note("header", "--header", "the names of the columns are those of the comment before the rows")
}

// markAlone reports whether a line with as many fields as rows has only the
// comment mark in its first field. With blanks as separators that proves
// nothing.
func (d *dialect) markAlone(row []string) bool {
	return d.separator != ' ' && d.fields > 1 && len(row) == d.fields && row[0] == string(d.comment)
}

// fieldsOf are the fields of a line, without quotation marks.
func (d *dialect) fieldsOf(line string) []string {
	row := split(line, d.separator)
	if d.separator == ' ' {
		row = strings.Fields(line)
	}
	for i := range row {
		row[i] = unquote(row[i])
	}
	return row
}

// uncommented is the text of a table with comments replaced by empty lines:
// comments begin with the mark of the comments at the top, and have other fields
// than rows.
type uncommented struct {
	b      *bufio.Reader
	d      *dialect
	rest   []byte
	line   int
	within bool // a line
	quoted bool
}

func (u *uncommented) Read(p []byte) (int, error) {
	var err error
	if len(u.rest) == 0 {
		if u.rest, err = u.b.ReadSlice('\n'); errors.Is(err, bufio.ErrBufferFull) {
			err = nil
		}
		begins, ends := !u.within && !u.quoted, bytes.HasSuffix(u.rest, []byte("\n")) || err != nil
		if begins && ends && u.d.isComment(string(u.rest)) && u.drop(string(u.rest)) {
			u.rest = u.rest[len(bytes.TrimRight(u.rest, "\n")):]
		}
		if ends {
			u.line++
		}
		u.within = !ends
		u.quoted = u.quoted != (u.d.separator != ' ' && bytes.Count(u.rest, []byte{'"'})%2 == 1)
	}
	n := copy(p, u.rest)
	if u.rest = u.rest[n:]; len(u.rest) > 0 {
		err = nil // it comes again
	}
	return n, err
}

// drop counts a comment inside the table; false when the line is a row.
func (u *uncommented) drop(line string) bool {
	if len(split(strings.TrimRight(line, "\n"), u.d.separator)) == u.d.fields {
		return false
	}
	if u.d.inside++; u.d.inside == 1 {
		u.d.first = u.line + 1
	}
	return true
}
