package table

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// maxRecord bounds the bytes of one row.
const maxRecord = 1 << 24

// headBytes is the size of the beginning of a text that decides its dialect.
const headBytes = 1 << 18

// decodeText gives text in UTF-8 with "\n" at the end of lines, whatever Unicode
// encoding and ends of lines it has. encoding says which, where it is not UTF-8.
func decodeText(r io.Reader) (text *bufio.Reader, encoding string, err error) {
	b := bufio.NewReaderSize(r, 1<<16)
	head, err := b.Peek(512)
	if err != nil && len(head) == 0 && !errors.Is(err, io.EOF) {
		return nil, "", files.OrTruncated(err)
	} // any other error is returned again after the rows before it
	var wide *unicode.Endianness
	little, big := unicode.LittleEndian, unicode.BigEndian
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		b.Discard(3)
	case bytes.HasPrefix(head, []byte("\xff\xfe")), files.WideText(head) == 1:
		wide, encoding = &little, "UTF-16, little-endian"
	case bytes.HasPrefix(head, []byte("\xfe\xff")), files.WideText(head) == 2:
		wide, encoding = &big, "UTF-16, big-endian"
	case bytes.IndexByte(head, 0) >= 0:
		return nil, "", files.At(int64(bytes.IndexByte(head, 0)),
			fmt.Errorf("%w: a zero byte, this is no text", files.ErrFormat))
	}
	var in io.Reader = b
	if wide != nil {
		pairs := &pairsOfBytes{r: b}
		in = transform.NewReader(pairs, unicode.UTF16(*wide, unicode.UseBOM).NewDecoder())
		if !bytes.HasPrefix(head, []byte("\xff\xfe")) && !bytes.HasPrefix(head, []byte("\xfe\xff")) {
			in = transform.NewReader(pairs, unicode.UTF16(*wide, unicode.IgnoreBOM).NewDecoder())
		}
	}
	return bufio.NewReaderSize(&newlines{r: in}, 1<<16), encoding, nil
}

// pairsOfBytes refuses text of UTF-16 that ends within a character.
type pairsOfBytes struct {
	r io.Reader
	n int64
}

func (p *pairsOfBytes) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.n += int64(n)
	if errors.Is(err, io.EOF) && p.n%2 == 1 {
		err = files.At(p.n-1, fmt.Errorf("%w: half a character of UTF-16", files.ErrTruncated))
	}
	return n, err
}

// newlines turns "\r\n" and a lone "\r" into "\n", and refuses zero bytes.
type newlines struct {
	r      io.Reader
	offset int64
	cr     bool // the last byte was "\r", which was passed on as "\n"
}

func (l *newlines) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := l.r.Read(p)
	out := 0
	for _, c := range p[:n] {
		was := l.cr
		l.cr = c == '\r'
		switch {
		case c == 0:
			return out, files.At(l.offset+int64(out), fmt.Errorf("%w: a zero byte, this is no text", files.ErrFormat))
		case c == '\n' && was:
			continue
		case l.cr:
			c = '\n'
		}
		p[out] = c
		out++
	}
	l.offset += int64(n)
	if out == 0 && err == nil {
		return l.Read(p)
	}
	return out, err
}

// source gives the rows of a table, one after the other.
type source interface {
	// next is the next row, nil at the end, and its line. The row is valid until
	// the next call.
	next() (row []string, line int, err error)
}

// guard bounds how much is read for one row: an unclosed quotation mark would
// otherwise read the whole file into memory.
type guard struct {
	r    io.Reader
	left int
}

func (g *guard) Read(p []byte) (int, error) {
	if g.left <= 0 {
		return 0, fmt.Errorf("%w: a row of more than %d bytes", files.ErrTooLarge, maxRecord)
	}
	n, err := g.r.Read(p)
	g.left -= n
	return n, err
}

// open gives the rows of text in a dialect.
func (d *dialect) open(text *bufio.Reader) (source, error) {
	for range d.skip {
		if _, err := text.ReadSlice('\n'); errors.Is(err, bufio.ErrBufferFull) {
			return nil, &files.Error{Place: files.Whole, Err: fmt.Errorf("%w: a line before the table", files.ErrTooLarge)}
		}
	}
	g := &guard{r: text, left: maxRecord}
	if d.inside = 0; d.comment != 0 {
		g.r = &uncommented{b: text, d: d, line: d.skip}
	}
	if d.separator == ' ' {
		return &blankRows{g: g, b: bufio.NewReader(g), line: d.skip}, nil
	}
	r := csv.NewReader(g)
	r.Comma, r.FieldsPerRecord, r.TrimLeadingSpace, r.ReuseRecord = rune(d.separator), -1, d.separator != '\t', true
	return &csvRows{r: r, g: g, skipped: d.skip}, nil
}

// csvRows are rows with a separator of one character.
type csvRows struct {
	r       *csv.Reader
	g       *guard
	skipped int
}

func (c *csvRows) next() ([]string, int, error) {
	c.g.left = maxRecord
	row, err := c.r.Read()
	var bad *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		return nil, 0, nil
	case errors.As(err, &bad):
		return nil, 0, &files.Error{Line: c.skipped + bad.Line, Err: fmt.Errorf("%w: %w", files.ErrFormat, bad.Err),
			Hint: "every \" inside a field is written twice, and the field stands between two"}
	case err != nil:
		return nil, 0, files.At(c.r.InputOffset(), files.OrTruncated(err))
	}
	line, _ := c.r.FieldPos(0)
	return row, c.skipped + line, nil
}

// blankRows are rows separated by runs of blanks.
type blankRows struct {
	g    *guard
	b    *bufio.Reader
	line int
}

func (b *blankRows) next() ([]string, int, error) {
	for {
		b.g.left = maxRecord
		line, err := b.b.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, 0, files.OrTruncated(err)
		}
		b.line++
		text := strings.TrimSpace(line)
		if text != "" {
			row := split(text, ' ')
			for i := range row {
				row[i] = unquote(row[i])
			}
			return row, b.line, nil
		}
		if err != nil {
			return nil, 0, nil
		}
	}
}
