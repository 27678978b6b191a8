package files

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func idx(header []uint32, body []byte) []byte {
	var b bytes.Buffer
	binary.Write(&b, binary.BigEndian, header)
	b.Write(body)
	return b.Bytes()
}

func images(n, h, w int) []byte {
	return idx([]uint32{idxImages, uint32(n), uint32(h), uint32(w)}, bytes.Repeat([]byte{255, 0}, n*h*w/2))
}

func gz(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

// folder writes files and returns where.
func folder(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, b := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestBadIDXFilesNameFileByteAndHint(t *testing.T) {
	good := idx([]uint32{idxLabels, 4}, []byte{0, 1, 9, 3})
	for name, c := range map[string]struct {
		images, labels []byte
		want           error
		text           string
	}{
		"truncated images":   {images(4, 28, 28)[:1000], good, ErrTruncated, "byte 1000"},
		"no image at all":    {images(0, 28, 28), idx([]uint32{idxLabels, 0}, nil), ErrFormat, "this part is empty"},
		"bytes after gzip":   {append(gz(images(4, 28, 28)), "garbage"...), good, ErrTrailing, "byte 3152: has bytes after the end of the gzip stream"},
		"a cut second gzip":  {append(gz(images(3, 28, 28)), gz(images(4, 28, 28))[:5]...), good, ErrTruncated, "train-images"},
		"truncated gzip":     {gz(images(4, 28, 28))[:40], good, ErrTruncated, "train-images"},
		"truncated header":   {images(4, 28, 28)[:7], good, ErrTruncated, "byte 7"},
		"labels for images":  {good, good, ErrFormat, "2049"},
		"trailing bytes":     {append(images(4, 28, 28), 7), good, ErrTrailing, "byte 3152"},
		"a lying header":     {idx([]uint32{idxImages, 1 << 31, 28, 28}, nil), good, ErrTooLarge, "announces"},
		"an endless image":   {idx([]uint32{idxImages, 1, 1 << 31, 1 << 31}, nil), good, ErrFormat, "byte 8"},
		"too few labels":     {images(4, 28, 28), idx([]uint32{idxLabels, 3}, []byte{1, 2, 3}), ErrFormat, "3 labels for 4 images"},
		"a lying body count": {idx([]uint32{idxImages, 1 << 20, 28, 28}, []byte("short")), good, ErrTruncated, "byte 21"},
	} {
		dir := folder(t, map[string][]byte{"train-images": c.images, "train-labels": c.labels})
		_, err := IDX(filepath.Join(dir, "train-images"), filepath.Join(dir, "train-labels"))
		var fe *Error
		if !errors.Is(err, c.want) || !errors.As(err, &fe) || fe.Hint == "" || fe.Path == "" || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: got %v, want %v with %q", name, err, c.want, c.text)
		}
	}
}

func TestGzipStreamsThatFollowEachOtherAreOneFile(t *testing.T) {
	all := images(4, 28, 28)
	dir := folder(t, map[string][]byte{
		"train-images": bytes.Join([][]byte{gz(all[:9]), gz(nil), gz(all[9:]), gz(nil)}, nil), "train-labels": gz(idx([]uint32{idxLabels, 4}, []byte{0, 1, 9, 3})),
	})
	if p, err := IDX(filepath.Join(dir, "train-images"), filepath.Join(dir, "train-labels")); err != nil || len(p.Bytes) != 4*28*28 {
		t.Errorf("%v", err)
	}
}

func FuzzIDXImages(f *testing.F) {
	f.Add(images(2, 4, 4))
	f.Add(idx([]uint32{idxImages, 1 << 30, 1, 1}, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if dims, pixels, err := decodeIDXImages(bytes.NewReader(b)); err == nil && len(pixels)%(dims[0]*dims[1]) != 0 {
			t.Errorf("%d pixels of %v", len(pixels), dims)
		}
	})
}

func FuzzIDXLabels(f *testing.F) {
	f.Add(idx([]uint32{idxLabels, 3}, []byte{1, 2, 3}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if labels, err := decodeIDXLabels(bytes.NewReader(b)); err == nil && len(labels)+8 != len(b) {
			t.Errorf("%d labels from %d bytes", len(labels), len(b))
		}
	})
}
