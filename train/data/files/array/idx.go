package array

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// Magic numbers of the IDX format: unsigned bytes, three or four dimensions for
// images, one for labels.
const (
	idxImages = 2051
	idxColors = 2052
	idxLabels = 2049
)

// idxFile is a file that is called like one of IDX: emnist-letters-train-images-idx3-ubyte.gz.
type idxFile struct {
	path   string
	set    string // emnist-letters
	part   string // train
	labels bool
}

// idxName takes the name of a file apart; false when it is not of IDX.
func idxName(name string) (f idxFile, ok bool) {
	base := strings.TrimSuffix(path.Base(name), ".gz")
	words := strings.FieldsFunc(base, func(r rune) bool { return strings.ContainsRune("-._", r) })
	f.path = name
	images := false
	for i, w := range words {
		switch {
		case files.PartOf(w) != "" && f.part == "":
			f.part, f.set = w, strings.Join(words[:i], "-")
		case w == "images":
			images = true
		case w == "labels":
			f.labels = true
		case strings.HasPrefix(w, "idx"):
			ok = true
		}
	}
	return f, ok && images != f.labels && f.part != ""
}

// IsIDXName reports whether a file is called like one of IDX.
func IsIDXName(name string) bool {
	_, ok := idxName(name)
	return ok
}

// idxSets finds the pairs of IDX files in a folder: images and labels by set and
// part.
func idxSets(names []string) map[string]map[string][2]string {
	out := map[string]map[string][2]string{}
	for _, name := range names {
		f, ok := idxName(name)
		if !ok {
			continue
		}
		if out[f.set] == nil {
			out[f.set] = map[string][2]string{}
		}
		pair := out[f.set][f.part]
		at := 0
		if f.labels {
			at = 1
		}
		if pair[at] == "" { // of a file and its compressed form, the first
			pair[at] = name
		}
		out[f.set][f.part] = pair
	}
	for set, parts := range out {
		for part, pair := range parts {
			if pair[0] == "" || pair[1] == "" {
				delete(parts, part)
			}
		}
		if len(parts) == 0 {
			delete(out, set)
		}
	}
	return out
}

// HasIDX reports whether images and labels in IDX files are among some names.
func HasIDX(names []string) bool { return len(idxSets(names)) > 0 }

// IDX reads the parts of the IDX files among some names, gzip or not. only names
// one of them whose set is meant where there are several; it may be empty.
// Images are big-endian: 2051, count, rows, columns, then a byte for each pixel;
// labels 2049, count, then a byte for each label. The images of published EMNIST
// files, which lie on their side, are turned upright.
func IDX(tree *files.Tree, names []string, only string, opt Options, a *files.Account) (train, test *files.Part,
	err error) {
	sets := idxSets(names)
	set, err := idxSetOf(tree, sets, only)
	if err != nil {
		return nil, nil, err
	}
	var parts []string
	for part := range sets[set] {
		parts = append(parts, part)
	}
	slices.Sort(parts)
	uses, err := files.Uses(parts, opt.Parts, a)
	if err != nil {
		return nil, nil, files.Named(tree.Path, err)
	}
	for _, part := range parts {
		into := map[files.Use]**files.Part{files.Train: &train, files.Test: &test}[uses[part]]
		if into == nil {
			continue
		}
		pair := sets[set][part]
		p, err := idxPart(tree, pair[0], pair[1])
		if err != nil {
			return nil, nil, err
		}
		if len(p.Dims) == 3 {
			v := &values{name: path.Base(pair[0]), dims: slices.Concat([]int{p.Len()}, p.Dims), bytes: p.Bytes}
			if v, err = opt.channels(v, a); err != nil {
				return nil, nil, files.Named(tree.At(pair[0]), err)
			}
			p.Dims, p.Bytes = v.dims[1:], v.bytes
		}
		a.Count("IDX file (images)")
		a.Count("IDX file (labels)")
		p.Name = part
		if strings.HasPrefix(strings.ToLower(set), "emnist") && len(p.Dims) == 2 {
			Upright(p)
			a.See("emnist", "EMNIST stores images on their side; they are turned upright")
		}
		if *into == nil {
			*into = p
		} else if err := (*into).Append(p); err != nil {
			return nil, nil, files.Named(tree.Path, err)
		}
	}
	return train, test, nil
}

// idxSetOf chooses the set that a file is of, or else the only one.
func idxSetOf(tree *files.Tree, sets map[string]map[string][2]string, only string) (string, error) {
	if f, ok := idxName(only); ok {
		return f.set, nil
	}
	known := slices.Sorted(maps.Keys(sets))
	if len(known) != 1 {
		return "", &files.Error{Path: tree.Path, Place: files.Whole,
			Err:  fmt.Errorf("%w: IDX files of %s", files.ErrFormat, files.Joined(known)),
			Hint: "give the path of one of their files"}
	}
	return known[0], nil
}

// idxPart reads one pair of files.
func idxPart(tree *files.Tree, images, labels string) (*files.Part, error) {
	p := &files.Part{White: 255, Numbered: true,
		Where: func(i int) files.Error { return files.Error{Path: tree.At(labels), Offset: int64(8 + i)} }}
	count := 0
	err := tree.Read(images, func(r io.Reader) (err error) {
		p.Dims, p.Bytes, count, err = decodeIDXImages(r)
		return err
	})
	if err != nil {
		return nil, err
	}
	var numbers []byte
	err = tree.Read(labels, func(r io.Reader) (err error) {
		numbers, err = decodeIDXLabels(r)
		return err
	})
	if err != nil {
		return nil, err
	}
	if count == 0 {
		return nil, &files.Error{Path: tree.At(images), Offset: 4,
			Err:  fmt.Errorf("%w: no image in it, this part is empty", files.ErrFormat),
			Hint: "of a test part remove both files: some of the training samples are held out then"}
	}
	if count != len(numbers) {
		return nil, &files.Error{Path: tree.At(labels), Offset: 4,
			Err:  fmt.Errorf("%w: %d labels for %d images", files.ErrFormat, len(numbers), count),
			Hint: "the label file belongs to other images"}
	}
	addNumbers(p, numbers)
	return p, nil
}

// addNumbers appends labels that are numbers of a byte each.
func addNumbers(p *files.Part, numbers []byte) {
	seen := map[string]int{}
	for i, name := range p.Names {
		seen[name] = i
	}
	for _, y := range numbers {
		if err := p.AddLabel(strconv.Itoa(int(y)), seen); err != nil {
			panic(err) // a byte has 256 values
		}
	}
}

// Upright exchanges the rows and columns of every image of one plane.
func Upright(p *files.Part) {
	h, w := p.Dims[0], p.Dims[1]
	dims, strides := []int{p.Len(), w, h}, []int{h * w, 1, w}
	p.Bytes, p.Floats, p.Doubles = turned(p.Bytes, dims, strides), turned(p.Floats, dims, strides), turned(p.Doubles,
		dims, strides)
	p.Dims = []int{w, h}
}

func turned[T any](x []T, dims, strides []int) []T {
	if x == nil {
		return nil
	}
	return permuted(x, dims, strides)
}

func decodeIDXImages(r io.Reader) (dims []int, pixels []byte, count int, err error) {
	magic, err := readWord(r, 0)
	if err != nil {
		return nil, nil, 0, err
	}
	if magic != idxImages && magic != idxColors {
		return nil, nil, 0, files.At(0, fmt.Errorf("%w: starts with %d, an IDX file of images with %d", files.ErrFormat,
			magic, idxImages))
	}
	head, each := make([]int64, magic&0xff), int64(1)
	for i := range head {
		word, err := readWord(r, 4+4*i)
		if err != nil {
			return nil, nil, 0, err
		}
		head[i] = int64(word)
		if i == 0 {
			continue
		}
		dims = append(dims, int(min(head[i], files.MaxSide+1)))
		if each *= head[i]; head[i] < 1 || head[i] > files.MaxSide || each > files.MaxSide {
			return nil, nil, 0, files.At(8, fmt.Errorf("%w: images of %v", files.ErrFormat, dims))
		}
	}
	pixels, err = readBody(r, int64(4+4*len(head)), head[0]*each)
	return dims, pixels, int(head[0]), err
}

func decodeIDXLabels(r io.Reader) ([]byte, error) {
	magic, err := readWord(r, 0)
	if err != nil {
		return nil, err
	}
	if magic != idxLabels {
		return nil, files.At(0, fmt.Errorf("%w: starts with %d, an IDX file of labels with %d", files.ErrFormat, magic,
			idxLabels))
	}
	count, err := readWord(r, 4)
	if err != nil {
		return nil, err
	}
	return readBody(r, 8, int64(count))
}

func readWord(r io.Reader, offset int) (uint32, error) {
	var word [4]byte
	if n, err := io.ReadFull(r, word[:]); err != nil {
		return 0, files.At(int64(offset+n), files.OrTruncated(err))
	}
	return binary.BigEndian.Uint32(word[:]), nil
}

// readBody reads exactly want bytes and the end of the file. The buffer grows
// with what really arrives, so a lying header allocates nothing.
func readBody(r io.Reader, offset, want int64) ([]byte, error) {
	if want > files.MaxBytes {
		return nil, files.At(offset, fmt.Errorf("%w: header announces %d bytes", files.ErrTooLarge, want))
	}
	var buf bytes.Buffer
	if n, err := io.CopyN(&buf, r, want); err != nil {
		return nil, files.At(offset+n, fmt.Errorf("%w (%d of %d bytes)", files.OrTruncated(err), n, want))
	}
	var extra [1]byte
	switch _, err := io.ReadFull(r, extra[:]); {
	case err == nil:
		return nil, files.At(offset+want, files.ErrTrailing)
	case err != io.EOF:
		return nil, files.At(offset+want, files.OrTruncated(err))
	}
	return buf.Bytes(), nil
}
