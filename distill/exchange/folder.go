package exchange

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/array"
	"github.com/distillmesh/distillmesh/train/data/files/picture"
)

// maxWrapping bounds folders that hold nothing but one folder.
const maxWrapping = 8

// folder reads one folder of pictures for each class, whose values are bytes by the format.
func (r *reading) folder() (in *found, err error) {
	if !known(r.opt.Values, Byte) || r.opt.Mean != nil {
		return nil, wrong(r.path, ErrOption, "leave --values, --mean and --std out", "values of pictures are bytes")
	}
	r.opt.Values = Byte
	tree, err := files.Within(r.path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, tree.Close()) }()
	dir, err := r.inner(tree)
	if err != nil {
		return nil, caused(r.path, ErrFormat, err)
	}
	opt := picture.Options{}
	if c := r.task.Shape.C; c == 1 || c == 3 {
		opt.Channels = c
	}
	train, test, err := picture.Folder(tree, dir, opt, r.account)
	if err != nil {
		return nil, r.pictures(err)
	}
	if test != nil {
		r.account.Warn("test-part", "", "%d pictures of a test part are not read", test.Len())
	}
	if train == nil || train.Bytes == nil {
		return nil, wrong(r.path, ErrValues, "save pictures of 8 bits for each channel, or an .npz of numbers",
			"pictures of more than 8 bits for each channel")
	}
	to, err := r.matchFolders(train.Names)
	if err != nil {
		return nil, err
	}
	out := &found{kind: "folders of pictures", classes: make([]int, train.Len())}
	for i, y := range train.Labels {
		out.classes[i] = to[y]
	}
	out.images = &array.Numbers{Name: "pictures", DType: "|u1", Dims: slices.Concat([]int{train.Len()}, train.Dims),
		Bytes: train.Bytes}
	return out, nil
}

// inner is the folder that holds those of the classes, inside folders that hold one folder only.
func (r *reading) inner(tree *files.Tree) (string, error) {
	dir := "."
	for range maxWrapping {
		folders, _, err := tree.List(dir, nil)
		if err != nil || len(folders) != 1 {
			return dir, err
		}
		if below, _, err := tree.List(folders[0], nil); err != nil || len(below) == 0 {
			return dir, err
		}
		dir = folders[0]
	}
	return dir, nil
}

// pictures is an error of the reader of pictures with a hint that suits an import.
func (r *reading) pictures(err error) error {
	err = caused(r.path, ErrFormat, err)
	if e, ok := err.(*files.Error); ok && strings.Contains(e.Hint, "--resize") {
		out := *e
		out.Hint = fmt.Sprintf("all pictures of a set have the size of the task, %d x %d", r.task.Shape.H, r.task.Shape.W)
		return &out
	}
	return err
}

// folderName is the name of a class as that of a folder: without what file systems or
// torchvision do not take.
func folderName(class string) string {
	name := strings.Map(func(c rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, c) {
			return '_'
		}
		return c
	}, strings.TrimSpace(norm.NFC.String(class)))
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "~") || strings.HasSuffix(name, ".") {
		name = "_" + strings.TrimRight(name, ".") + "_"
	}
	return name
}

// withNumber is the name of a folder that sorts by the number of its class.
func withNumber(class, classes int, name string) string {
	return fmt.Sprintf("%0*d_%s", len(strconv.Itoa(classes-1)), class, folderName(name))
}

// matchFolders gives the class of each folder.
func (r *reading) matchFolders(names []string) ([]int, error) {
	to := make([]int, len(names))
	var strangers []string
	for i, name := range names {
		to[i] = r.classOf(name)
		if to[i] < 0 {
			strangers = append(strangers, name)
		}
	}
	byName := r.opt.Classes == ByName || r.opt.Classes == "" && len(strangers) < len(names)
	switch {
	case byName && len(strangers) > 0:
		return nil, wrong(r.path, ErrLabels, "rename the folders, or write --classes natural if they are in the order of "+
			"the classes", "no class of task %s has the name of folder %s", r.task.Name, files.Joined(strangers))
	case byName:
		return to, r.twice(names, to)
	case len(names) == len(r.task.Classes):
		order := slices.Clone(names)
		slices.SortFunc(order, naturally)
		for i, name := range names {
			to[i] = slices.Index(order, name)
		}
		r.account.Assume("class-order", "--classes", "folders are taken for the classes in natural order: %q for %q, ... %q "+
			"for %q", order[0], r.task.Classes[0], order[len(order)-1], r.task.Classes[len(order)-1])
		return to, nil
	}
	return nil, wrong(r.path, ErrLabels, "give the folders the names of the classes",
		"%d folders (%s), and task %s has %d classes with other names", len(names), files.Joined(names), r.task.Name,
		len(r.task.Classes))
}

// classOf is the class that a folder is called like, with or without its number before the name;
// -1 for none.
func (r *reading) classOf(folder string) int {
	folder = strings.TrimSpace(norm.NFC.String(path.Base(folder)))
	return slices.IndexFunc(r.task.Classes, func(class string) bool {
		k := slices.Index(r.task.Classes, class)
		return folder == norm.NFC.String(class) || folder == folderName(class) ||
			folder == withNumber(k, len(r.task.Classes), class)
	})
}

// twice refuses two folders of one class.
func (r *reading) twice(names []string, to []int) error {
	seen := map[int]string{}
	for i, k := range to {
		if other, ok := seen[k]; ok {
			return wrong(r.path, ErrLabels, "leave one folder for each class", "folders %s and %s are both of class %q", other,
				names[i], r.task.Classes[k])
		}
		seen[k] = names[i]
	}
	return nil
}

// naturally compares names, numbers in them by size.
func naturally(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		n, rest := leading(x)
		m, other := leading(y)
		switch {
		case n != "" && m != "":
			n, m = strings.TrimLeft(n, "0"), strings.TrimLeft(m, "0")
			if d := len(n) - len(m); d != 0 {
				return d
			}
			if d := strings.Compare(n, m); d != 0 {
				return d
			}
			x, y = rest, other
		case x[0] != y[0]:
			return int(x[0]) - int(y[0])
		default:
			x, y = x[1:], y[1:]
		}
	}
	if d := len(x) - len(y); d != 0 {
		return d
	}
	return strings.Compare(a, b)
}

// leading are the digits that a name begins with, and the rest.
func leading(s string) (digits, rest string) {
	rest = strings.TrimLeft(s, "0123456789")
	return s[:len(s)-len(rest)], rest
}

// foldersOf are the names of the folders of all classes as Write makes them: those of the classes
// where these sort in the order of the classes, else with their number before.
func foldersOf(classes []string) []string {
	out := make([]string, len(classes))
	for k, class := range classes {
		out[k] = folderName(class)
	}
	distinct := len(index(out)) == len(out)
	if distinct && slices.IsSorted(out) {
		return out
	}
	for k, class := range classes {
		out[k] = withNumber(k, len(classes), class)
	}
	return out
}

func index(names []string) map[string]int {
	out := map[string]int{}
	for k, name := range names {
		out[strings.ToLower(name)] = k
	}
	return out
}
