package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Causes of errors, to be tested with errors.Is.
var (
	// ErrFormat means that the bytes are not a well-formed file.
	ErrFormat = errors.New("malformed safetensors")
	// ErrDamaged means that the bytes are not those that were written.
	ErrDamaged = errors.New("damaged safetensors")
	// ErrTooLarge means that the file claims more than the reader's limits.
	ErrTooLarge = errors.New("safetensors beyond the limits")
)

const (
	metadataKey   = "__metadata__"
	digestKey     = "sha256"
	lengthBytes   = 8 // the header's length comes first, little-endian
	dataAlignment = 8 // the header is padded with spaces so that data starts aligned
)

// Limits bound what Decode accepts. A zero field means its default.
type Limits struct {
	HeaderBytes int // bytes of the JSON header; default 1 MiB
	Tensors     int // number of tensors; default 10,000
	DataBytes   int // bytes of all values; default 4 GiB
	Rank        int // dimensions of one tensor; default 8
}

func (l Limits) orDefault() Limits {
	pick := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	pick(&l.HeaderBytes, 1<<20)
	pick(&l.Tensors, 10_000)
	pick(&l.DataBytes, int(min(4<<30, int64(^uint(0)>>1))))
	pick(&l.Rank, 8)
	return l
}

// entry is one tensor in the header.
type entry struct {
	DType   string `json:"dtype"`
	Shape   []int  `json:"shape"`
	Offsets []int  `json:"data_offsets"`
}

// Encode writes tensors and metadata as one safetensors file. The bytes are a
// function of the content alone: widest element type first (so that every
// tensor is aligned), then by name; metadata keys sorted. A file with metadata,
// which is a state of some kind, also carries its own digest. It fails on
// duplicate or reserved names and on data that does not fill its shape.
func Encode(tensors []Tensor, meta map[string]string) ([]byte, error) {
	ordered := inOrder(tensors)
	for _, t := range ordered {
		if n, err := t.bytes(); err != nil || n != len(t.Data) {
			return nil, fmt.Errorf("encode tensor %q: %d bytes for %s of shape %v", t.Name, len(t.Data), t.DType, t.Shape)
		}
	}
	header, size, err := encodeHeader(ordered, meta)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, lengthBytes+len(header)+size)
	out = binary.LittleEndian.AppendUint64(out, uint64(len(header)))
	out = append(out, header...)
	for _, t := range ordered {
		out = append(out, t.Data...)
	}
	if len(meta) > 0 {
		sum := digest(out[lengthBytes:])
		mark := fmt.Appendf(nil, "%q:\"", digestKey)
		copy(out[bytes.Index(out, slices.Concat(mark, noDigest))+len(mark):], sum)
	}
	return out, nil
}

// Size is the length of what Encode writes of tensors that have these names, types
// and shapes; their Data are not looked at. It fails where Encode would.
func Size(tensors []Tensor, meta map[string]string) (int64, error) {
	header, size, err := encodeHeader(inOrder(tensors), meta)
	return int64(lengthBytes + len(header) + size), err
}

// inOrder are tensors in the order in which they are written.
func inOrder(tensors []Tensor) []Tensor {
	ordered := slices.Clone(tensors)
	slices.SortFunc(ordered, func(a, b Tensor) int {
		if d := widths[b.DType] - widths[a.DType]; d != 0 {
			return d
		}
		return strings.Compare(a.Name, b.Name)
	})
	return ordered
}

// noDigest is the placeholder of the digest, which is computed over the header
// and data with noDigest in its place.
var noDigest = bytes.Repeat([]byte("0"), hex.EncodedLen(sha256.Size))

func digest(parts ...[]byte) []byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return hex.AppendEncode(nil, h.Sum(nil))
}

// verify fails with ErrDamaged unless header and data have the digest that the
// header says, if it says one.
func verify(header, data []byte, meta map[string]string) error {
	said, ok := meta[digestKey]
	if !ok {
		return nil
	}
	delete(meta, digestKey)
	before, after, _ := bytes.Cut(header, []byte(said))
	if len(said) != len(noDigest) || !bytes.Equal(digest(before, noDigest, after, data), []byte(said)) {
		return fmt.Errorf("%w: digest mismatch", ErrDamaged)
	}
	return nil
}

func encodeHeader(ordered []Tensor, meta map[string]string) (header []byte, size int, err error) {
	var buf bytes.Buffer
	buf.WriteByte('{')
	if len(meta) > 0 {
		signed := maps.Clone(meta)
		signed[digestKey] = string(noDigest)
		if err := writeField(&buf, metadataKey, signed); err != nil {
			return nil, 0, err
		}
	}
	seen := make(map[string]bool, len(ordered))
	for _, t := range ordered {
		if seen[t.Name] || t.Name == metadataKey || !utf8.ValidString(t.Name) {
			return nil, 0, fmt.Errorf("encode tensor %q: name is taken, reserved or not UTF-8", t.Name)
		}
		seen[t.Name] = true
		n, err := t.bytes()
		if err != nil {
			return nil, 0, fmt.Errorf("encode tensor %q: %w", t.Name, err)
		}
		if err := writeField(&buf, t.Name, entry{t.DType, append([]int{}, t.Shape...), []int{size, size + n}}); err != nil {
			return nil, 0, err
		}
		size += n
	}
	buf.WriteByte('}')
	for (lengthBytes+buf.Len())%dataAlignment != 0 {
		buf.WriteByte(' ')
	}
	return buf.Bytes(), size, nil
}

func writeField(buf *bytes.Buffer, key string, value any) error {
	if buf.Len() > 1 {
		buf.WriteByte(',')
	}
	k, err := json.Marshal(key)
	if err != nil {
		return fmt.Errorf("encode %q: %w", key, err)
	}
	v, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode %q: %w", key, err)
	}
	buf.Write(k)
	buf.WriteByte(':')
	buf.Write(v)
	return nil
}

// Decode reads a safetensors file. Tensors are in the order of their bytes, and
// their Data aliases file. It fails with ErrFormat unless the tensors cover
// the data exactly, without gap or overlap, under distinct names and with
// known element types; with ErrDamaged when the file carries a digest that does
// not match; with ErrTooLarge beyond the limits, before anything is allocated for
// it.
func Decode(file []byte, limits Limits) ([]Tensor, map[string]string, error) {
	places, meta, err := DecodeHeader(bytes.NewReader(file), int64(len(file)), limits)
	if err != nil {
		return nil, nil, err
	}
	header := int(binary.LittleEndian.Uint64(file)) + lengthBytes
	if err := verify(file[lengthBytes:header], file[header:], meta); err != nil {
		return nil, nil, fmt.Errorf("decode: %w", err)
	}
	tensors := make([]Tensor, 0, len(places))
	for _, p := range places {
		p.Data = file[p.Offset : p.Offset+p.Bytes : p.Offset+p.Bytes]
		tensors = append(tensors, p.Tensor)
	}
	return tensors, meta, nil
}

// Place is a tensor without its Data, and where those are in the file.
type Place struct {
	Tensor
	Offset, Bytes int64
}

// DecodeHeader reads the header of a safetensors file of size bytes, and where its tensors
// are, in the order of their bytes. It fails where Decode does, but for a digest that does
// not match: metadata still has it.
func DecodeHeader(file io.Reader, size int64, limits Limits) ([]Place, map[string]string, error) {
	limits = limits.orDefault()
	var first [lengthBytes]byte
	if size < lengthBytes {
		return nil, nil, fmt.Errorf("decode: %w: %d bytes", ErrFormat, size)
	}
	if _, err := io.ReadFull(file, first[:]); err != nil {
		return nil, nil, fmt.Errorf("decode: %w", err)
	}
	length := binary.LittleEndian.Uint64(first[:])
	if length > uint64(limits.HeaderBytes) {
		return nil, nil, fmt.Errorf("decode: %w: header of %d bytes, at most %d", ErrTooLarge, length, limits.HeaderBytes)
	}
	if length > uint64(size-lengthBytes) {
		return nil, nil, fmt.Errorf("decode: %w: header of %d bytes in a file of %d", ErrFormat, length, size)
	}
	start := lengthBytes + int64(length)
	if size-start > int64(limits.DataBytes) {
		return nil, nil, fmt.Errorf("decode: %w: %d bytes of data, at most %d", ErrTooLarge, size-start, limits.DataBytes)
	}
	header := make([]byte, length)
	if _, err := io.ReadFull(file, header); err != nil {
		return nil, nil, fmt.Errorf("decode: %w", err)
	}
	if !utf8.Valid(header) || len(header) == 0 || header[0] != '{' {
		return nil, nil, fmt.Errorf("decode: %w: header is not a JSON object in UTF-8", ErrFormat)
	}
	entries, meta, err := decodeHeader(header, limits)
	if err != nil {
		return nil, nil, fmt.Errorf("decode: %w", err)
	}
	places, err := place(entries, start, size-start)
	if err != nil {
		return nil, nil, fmt.Errorf("decode: %w", err)
	}
	return places, meta, nil
}

type namedEntry struct {
	name string
	entry
}

// decodeHeader reads the JSON token by token, because a map would hide duplicates.
func decodeHeader(header []byte, limits Limits) (entries []namedEntry, meta map[string]string, err error) {
	d := json.NewDecoder(bytes.NewReader(header))
	d.DisallowUnknownFields()
	err = eachField(d, func(name string) error {
		if name == metadataKey {
			meta, err = decodeMetadata(d)
			return err
		}
		if len(entries) == limits.Tensors {
			return fmt.Errorf("%w: more than %d tensors", ErrTooLarge, limits.Tensors)
		}
		e := namedEntry{name: name}
		if err := decodeEntry(d, &e.entry, limits); err != nil {
			return fmt.Errorf("tensor %q: %w", name, err)
		}
		entries = append(entries, e)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, nil, fmt.Errorf("%w: something follows the header's object", ErrFormat)
	}
	return entries, meta, nil
}

// eachField calls f with each key of the object that starts here; f reads the
// value. Duplicate keys are refused.
func eachField(d *json.Decoder, f func(key string) error) error {
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("%w: no JSON object", ErrFormat)
	}
	seen := make(map[string]bool)
	for d.More() {
		t, err := d.Token()
		key, ok := t.(string)
		if err != nil || !ok {
			return fmt.Errorf("%w: %v", ErrFormat, err)
		}
		if seen[key] {
			return fmt.Errorf("%w: %q twice", ErrFormat, key)
		}
		seen[key] = true
		if err := f(key); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("%w: %v", ErrFormat, err)
	}
	return nil
}

func decodeMetadata(d *json.Decoder) (map[string]string, error) {
	meta := make(map[string]string)
	err := eachField(d, func(key string) error {
		t, err := d.Token()
		value, ok := t.(string)
		if err != nil || !ok {
			return fmt.Errorf("%w: metadata %q is not a string", ErrFormat, key)
		}
		meta[key] = value
		return nil
	})
	return meta, err
}

func decodeEntry(d *json.Decoder, e *entry, limits Limits) error {
	err := eachField(d, func(key string) error {
		var err error
		switch key {
		case "dtype":
			err = d.Decode(&e.DType)
		case "shape":
			err = d.Decode(&e.Shape)
		case "data_offsets":
			err = d.Decode(&e.Offsets)
		default:
			err = fmt.Errorf("unknown field %q", key)
		}
		if err != nil {
			return fmt.Errorf("%w: %v", ErrFormat, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	w, known := widths[e.DType]
	if !known || e.Shape == nil || len(e.Offsets) != 2 {
		return fmt.Errorf("%w: element type %q, shape %v, offsets %v", ErrFormat, e.DType, e.Shape, e.Offsets)
	}
	if len(e.Shape) > limits.Rank {
		return fmt.Errorf("%w: %d dimensions, at most %d", ErrTooLarge, len(e.Shape), limits.Rank)
	}
	n, err := checkedLen(e.Shape, limits.DataBytes/w)
	if err != nil {
		return err
	}
	if e.Offsets[0] < 0 || e.Offsets[1] < e.Offsets[0] || e.Offsets[1]-e.Offsets[0] != n*w {
		return fmt.Errorf("%w: shape %v of %s at offsets %v", ErrFormat, e.Shape, e.DType, e.Offsets)
	}
	return nil
}

// place gives each tensor its bytes behind a start, after checking that they tile the data.
func place(entries []namedEntry, start, size int64) ([]Place, error) {
	slices.SortStableFunc(entries, func(a, b namedEntry) int {
		if d := a.Offsets[0] - b.Offsets[0]; d != 0 {
			return d
		}
		return a.Offsets[1] - b.Offsets[1]
	})
	places, end := make([]Place, 0, len(entries)), int64(0)
	for _, e := range entries {
		from, to := int64(e.Offsets[0]), int64(e.Offsets[1])
		if from != end || to > size {
			return nil, fmt.Errorf("%w: tensor %q at %v leaves a gap, overlaps or passes the end", ErrFormat, e.name, e.Offsets)
		}
		places = append(places, Place{Tensor{Name: e.name, DType: e.DType, Shape: e.Shape}, start + from, to - from})
		end = to
	}
	if end != size {
		return nil, fmt.Errorf("%w: %d bytes belong to no tensor", ErrFormat, size-end)
	}
	return places, nil
}
