package files

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxPictures bounds the pictures of one folder.
const maxPictures = 1 << 21

// PictureOptions say what pictures are brought to.
type PictureOptions struct {
	Channels      int // 1 for grey, 3 for red, green and blue; 0 for grey when every picture is
	Height, Width int // 0 for the size they have; of several sizes, with Resize, the one of most pictures
	// Resize resamples pictures of another size (Catmull-Rom, the whole picture,
	// so that its proportions may change); without it they are refused.
	Resize bool
}

// picture is one file of a folder of pictures.
type picture struct {
	path  string
	class int
}

// The folders that hold parts, in order of preference.
var (
	trainFolders = []string{"train", "training"}
	testFolders  = []string{"test", "testing", "val", "valid", "validation"}
)

// Pictures reads PNG and JPEG files from a folder that has a folder a class, or
// such folders inside train and test (or val). Folders and files whose name
// starts with a dot, and files of other kinds, are passed over. test is nil when
// there is no test part.
func Pictures(dir string, opt PictureOptions) (train, test *Part, err error) {
	trainDir, testDir := partFolders(dir)
	names, found, err := classFolders(trainDir)
	if err != nil {
		return nil, nil, err
	}
	var testNames []string
	var testFound []picture
	if testDir != "" {
		if testNames, testFound, err = classFolders(testDir); err != nil {
			return nil, nil, err
		}
	}
	if err := opt.settle(slices.Concat(found, testFound)); err != nil {
		return nil, nil, err
	}
	if train, err = opt.readAll(names, found); err != nil {
		return nil, nil, err
	}
	if testDir != "" {
		test, err = opt.readAll(testNames, testFound)
	}
	return train, test, err
}

// HasPictures reports whether a folder has folders with pictures in them.
func HasPictures(dir string) bool {
	dir, _ = partFolders(dir)
	names, err := folders(dir)
	return err == nil && slices.ContainsFunc(names, func(name string) bool {
		entries, err := os.ReadDir(filepath.Join(dir, name))
		return err == nil && slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return isPicture(e.Name()) })
	})
}

// partFolders finds the parts of a folder; test is empty when there is none. A
// folder train without folders in it, among others, is a class of that name.
func partFolders(dir string) (train, test string) {
	first := func(names []string) string {
		for _, n := range names {
			if info, err := os.Stat(filepath.Join(dir, n)); err == nil && info.IsDir() {
				return filepath.Join(dir, n)
			}
		}
		return ""
	}
	if train = first(trainFolders); train == "" {
		return dir, ""
	}
	if inside, err := folders(train); err == nil && len(inside) == 0 {
		beside, err := folders(dir)
		isPart := func(name string) bool {
			return slices.Contains(trainFolders, name) || slices.Contains(testFolders, name)
		}
		if err == nil && slices.ContainsFunc(beside, func(name string) bool { return !isPart(name) }) {
			return dir, ""
		}
	}
	return train, first(testFolders)
}

// folders lists the folders in a folder, sorted, links included.
func folders(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if info, err := os.Stat(filepath.Join(dir, e.Name())); err == nil && info.IsDir() {
			out = append(out, e.Name())
		}
	}
	return out, nil
}

// classFolders lists the classes of one part, which are its folders, and their
// pictures.
func classFolders(dir string) (names []string, found []picture, err error) {
	all, err := folders(dir)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range all {
		entries, err := os.ReadDir(filepath.Join(dir, name))
		if err != nil {
			return nil, nil, err
		}
		before := len(found)
		for _, e := range entries {
			if path := filepath.Join(dir, name, e.Name()); isPicture(e.Name()) {
				found = append(found, picture{path, len(names)})
			}
		}
		if len(found) == before {
			return nil, nil, &Error{Path: filepath.Join(dir, name), Place: Whole, Err: fmt.Errorf("%w: no PNG or JPEG file in it", ErrFormat),
				Hint: "a folder is a class: remove the empty one, or put its pictures there"}
		}
		if names = append(names, name); len(names) > maxClasses || len(found) > maxPictures {
			return nil, nil, &Error{Path: dir, Place: Whole, Err: fmt.Errorf("%w: more than %d classes or %d pictures", ErrTooLarge, maxClasses, maxPictures), Hint: "a folder is a class"}
		}
	}
	if len(found) == 0 {
		return nil, nil, &Error{Path: dir, Place: Whole, Err: fmt.Errorf("%w: no folders with pictures", ErrFormat), Hint: "put the pictures of each class into a folder of its name"}
	}
	return names, found, nil
}

func isPicture(name string) bool {
	name = strings.TrimSuffix(strings.ToLower(name), ".gz")
	return !strings.HasPrefix(name, ".") && slices.Contains([]string{".png", ".jpg", ".jpeg"}, filepath.Ext(name))
}

// settle fills in what the options leave open, from the headers of all
// pictures, and checks the size of each.
func (o *PictureOptions) settle(all []picture) error {
	channels := 1
	sizes := map[[2]int]int{}
	for _, p := range all {
		c, err := readConfig(p.path)
		if err != nil {
			return err
		}
		if !isGrey(c.ColorModel) {
			channels = 3
		}
		if sizes[[2]int{c.Height, c.Width}]++; o.Height == 0 && !o.Resize {
			o.Height, o.Width = c.Height, c.Width
		}
		if !o.Resize && (c.Height != o.Height || c.Width != o.Width) {
			return &Error{Path: p.path, Place: Whole, Err: fmt.Errorf("%w: %d x %d pixels (height x width), want %d x %d", ErrFormat, c.Height, c.Width, o.Height, o.Width),
				Hint: "resample every picture with --resize: to the size of the task, or without a task to the size of most pictures; 'task new' takes another with --shape CxHxW"}
		}
	}
	if o.Height == 0 {
		o.Height, o.Width = commonest(sizes)
	}
	if o.Channels == 0 {
		o.Channels = channels
	}
	if size := int64(o.Channels) * int64(o.Height) * int64(o.Width); size > maxSide || size*int64(len(all)) > maxBytes {
		return &Error{Path: all[0].path, Place: Whole, Err: fmt.Errorf("%w: %d pictures of %d x %d x %d", ErrTooLarge, len(all), o.Channels, o.Height, o.Width),
			Hint: "resample them to a smaller size with --resize"}
	}
	return nil
}

// commonest is the size of most pictures, among equals the smallest.
func commonest(sizes map[[2]int]int) (h, w int) {
	best := slices.MinFunc(slices.Collect(maps.Keys(sizes)), func(a, b [2]int) int {
		return cmp.Or(cmp.Compare(sizes[b], sizes[a]), cmp.Compare(a[0]*a[1], b[0]*b[1]), cmp.Compare(a[0], b[0]))
	})
	return best[0], best[1]
}

// readAll decodes the pictures of one part.
func (o *PictureOptions) readAll(names []string, found []picture) (*Part, error) {
	p := &Part{Dims: []int{o.Channels, o.Height, o.Width}, Planar: true, White: 255, Names: names,
		How: fmt.Sprintf("%d pictures in %d folders", len(found), len(names))}
	if o.Resize {
		p.How += fmt.Sprintf(", all brought to %d x %d pixels (height x width)", o.Height, o.Width)
	}
	for _, f := range found {
		var err error
		if p.Bytes, err = o.appendPicture(p.Bytes, f.path); err != nil {
			return nil, err
		}
		p.Labels = append(p.Labels, f.class)
	}
	p.Where = func(i int) Error { return Error{Path: found[i].path, Place: Whole} }
	return p, nil
}
