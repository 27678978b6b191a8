package files

import (
	"bytes"
	"errors"
	"io"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// Kind is the type of a file's content, recognized from its first bytes.
type Kind string

// The kinds of files. Pictures have a kind for each format.
const (
	Zip     Kind = "zip archive"
	Tar     Kind = "tar archive"
	NumPy   Kind = "NumPy array"
	Matlab  Kind = "MATLAB file"
	HDF5    Kind = "HDF5 file"
	Parquet Kind = "Parquet file"
	Pickle  Kind = "Python pickle"
	IDX     Kind = "IDX file"
	PNG     Kind = "PNG picture"
	JPEG    Kind = "JPEG picture"
	GIF     Kind = "GIF picture"
	BMP     Kind = "BMP picture"
	TIFF    Kind = "TIFF picture"
	WebP    Kind = "WebP picture"
	Text    Kind = "text"
	Empty   Kind = "empty file"
	Unknown Kind = "file of unknown kind"
)

// IsPicture reports whether the kind is a picture that can be read.
func (k Kind) IsPicture() bool { return slices.Contains([]Kind{PNG, JPEG, GIF, BMP, TIFF, WebP}, k) }

// magics are the first bytes of files.
var magics = []struct {
	magic string
	kind  Kind
}{
	{"PK\x03\x04", Zip}, {"PK\x05\x06", Zip},
	{"\x93NUMPY", NumPy}, {"MATLAB", Matlab}, {"\x89HDF\r\n\x1a\n", HDF5}, {"PAR1", Parquet}, {"PARE", Parquet},
	{"\x89PNG\r\n\x1a\n", PNG}, {"\xff\xd8\xff", JPEG}, {"\xff\xd8", JPEG}, {"GIF87a", GIF}, {"GIF89a", GIF},
	{"II*\x00", TIFF}, {"MM\x00*", TIFF},
	{"\x00\x00\x08\x01", IDX}, {"\x00\x00\x08\x03", IDX}, {"\x00\x00\x08\x04", IDX},
}

// sniffed is the number of bytes from which the kind of a file is recognized.
const sniffed = 512

// KindOf recognizes the kind of decompressed content from its first bytes.
func KindOf(head []byte) Kind {
	if len(head) == 0 {
		return Empty
	}
	for _, m := range magics {
		if bytes.HasPrefix(head, []byte(m.magic)) {
			if m.kind == Matlab && bytes.Contains(head, []byte("MATLAB 7.3")) {
				return HDF5
			}
			return m.kind
		}
	}
	switch {
	case len(head) > 262 && string(head[257:262]) == "ustar":
		return Tar
	case len(head) > 12 && string(head[:4]) == "RIFF" && string(head[8:12]) == "WEBP":
		return WebP
	case len(head) > 26 && string(head[:2]) == "BM" && slices.Contains([]byte{12, 40, 52, 56, 64, 108, 124},
		head[14]) && head[15]|head[16]|head[17] == 0:
		return BMP
	case head[0] == 0x80 && len(head) > 1 && head[1] >= 1 && head[1] <= 5:
		return Pickle
	case isText(head):
		return Text
	}
	return Unknown
}

// isText recognizes text in UTF-8, UTF-16 or a single-byte encoding: it has no
// zero bytes, or every second one is zero.
func isText(head []byte) bool {
	if bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) || WideText(head) != 0 {
		return true
	}
	odd := 0
	for _, b := range head {
		if b < ' ' && !strings.ContainsRune("\t\n\r\f\x1a", rune(b)) {
			return false
		}
		if b >= utf8.RuneSelf {
			odd++
		}
	}
	return utf8.Valid(head[:len(head)-min(len(head), utf8.UTFMax)]) || odd < len(head)/4
}

// WideText recognizes UTF-16 without a byte-order mark: 1 when the second byte of most
// characters is zero (little-endian), 2 when the first is, else 0.
func WideText(head []byte) int {
	var zeros [2]int
	for i, b := range head {
		if b == 0 {
			zeros[i%2]++
		}
	}
	pairs := len(head) / 2
	switch {
	case pairs < 4 || bytes.Contains(head, []byte{0, 0}):
		return 0
	case zeros[1] > pairs*2/3 && zeros[0] == 0:
		return 1
	case zeros[0] > pairs*2/3 && zeros[1] == 0:
		return 2
	}
	return 0
}

// Sniff recognizes the content of a file, inside gzip too.
func (t *Tree) Sniff(name string) (Kind, error) {
	r, err := t.Content(name)
	if err != nil {
		return Unknown, err
	}
	defer r.Close()
	head := make([]byte, sniffed)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return Unknown, Named(t.At(name), err)
	}
	return KindOf(head[:n]), nil
}

// Stem is a file's name without folders and endings, and its ending in lower
// case, gzip aside.
func Stem(name string) (stem, ext string) {
	base := path.Base(name)
	if low := strings.ToLower(base); strings.HasSuffix(low, ".gz") {
		base = base[:len(base)-len(".gz")]
	}
	ext = path.Ext(base)
	return strings.TrimSuffix(base, ext), strings.ToLower(ext)
}
