package open

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/array"
	"github.com/distillmesh/distillmesh/train/data/files/picture"
	"github.com/distillmesh/distillmesh/train/data/files/table"
)

// contents is the data at a path, before a task is applied.
type contents struct {
	path        string
	kind        string // of the data, for messages
	train, test *files.Part
	account     *files.Account
	known       *data.Task // when recognized
	made        bool       // a task is made of them
	fromZero    bool       // the format counts labels from 0 by convention
}

// finder recognizes the format of a path and reads it.
type finder struct {
	Reading
	task    *data.Task // may be nil
	want    data.Shape // that pictures are resized to; its zero value leaves them unchanged
	account *files.Account
	like    *files.Part // the training table, whose columns a table of another part has; nil for none
}

// find recognizes the format of a path and reads it.
func (r Reading) find(path string, task *data.Task, want data.Shape) (*contents, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	f := &finder{Reading: r, task: task, want: want, account: &files.Account{Accept: r.Accept}}
	c, err := f.path(path)
	if err != nil {
		return nil, err
	}
	c.path, c.account = path, f.account
	if c.train == nil {
		return nil, c.whole(fmt.Errorf("%w: no part to train on", files.ErrFormat),
			"say which part is for training with --part NAME=train")
	}
	if err := c.unused(r); err != nil {
		return nil, err
	}
	c.normalize()
	if c.known == nil {
		c.known = recognize(c.train)
	}
	return c, nil
}

// path reads a file or a folder.
func (f *finder) path(p string) (*contents, error) {
	if p == "" {
		return nil, &files.Error{Path: `""`, Place: files.Whole, Err: fmt.Errorf("%w: an empty path", files.ErrFormat),
			Hint: "name a file or a folder; . is the current folder"}
	}
	info, err := os.Stat(p)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return f.folder(files.Dir(p), ".", 0)
	}
	if !info.Mode().IsRegular() {
		return nil, &files.Error{Path: p, Place: files.Whole, Err: fmt.Errorf("%w: neither a file nor a folder",
			files.ErrFormat), Hint: "write what it gives to a file first"}
	}
	tree, name := files.Dir(filepath.Dir(p)), filepath.Base(p)
	kind, err := tree.Sniff(name)
	if err != nil {
		return nil, err
	}
	if c, err := f.file(tree, name, kind); c != nil || err != nil {
		return c, err
	}
	switch {
	case kind.IsPicture():
		return nil, fmt.Errorf("open %s: %w: give the folder that has a folder for each class", p, ErrNoData)
	case kind == files.HDF5:
		return nil, &files.Error{Path: p, Place: files.Whole, Err: fmt.Errorf("%w: an HDF5 file", files.ErrFormat),
			Hint: "save the arrays as .npz, or in MATLAB with save(name, '-v7')"}
	}
	return f.oneOfMany(tree, name, kind)
}

// file reads a file that holds a whole data set; nil when it does not.
func (f *finder) file(tree *files.Tree, name string, kind files.Kind) (*contents, error) {
	_, ext := files.Stem(name)
	switch kind {
	case files.Zip, files.Tar:
		if kind == files.Zip && array.IsArchive(tree, name) {
			return f.arrays(array.Archive(tree, name, f.arrayOptions(f.want), f.account))
		}
		return f.archive(tree, name, kind)
	case files.NumPy:
		if array.HasRecords(tree, name) {
			return f.records(tree, name)
		}
		if array.IsArrayName(name) {
			return f.arrays(array.Folder(tree, path.Dir(name), f.arrayOptions(f.want), f.account))
		}
		return nil, notNamed(tree, name)
	case files.Matlab:
		train, test, err := array.Matlab(tree, name, f.arrayOptions(f.want), f.account)
		f.upright(name, train, test)
		return f.arrays(train, test, err)
	case files.Parquet:
		p, err := f.parquet(tree, name)
		return &contents{kind: "Parquet table", train: p}, err
	case files.Text:
		if slices.Contains(tableEndings, ext) {
			p, err := table.File(tree, name, f.tables(), f.account)
			f.upright(name, p)
			return &contents{kind: "table", train: p}, err
		}
	case files.Pickle:
		if !array.IsCIFARName(name) {
			return f.arrays(array.Pickled(tree, name, f.arrayOptions(f.want), f.account))
		}
	}
	return nil, nil
}

// tables are the options of tables: those of the user, with the features of the
// task and the columns of the training table.
func (f *finder) tables() table.Options {
	opt := f.tableOptions(f.task)
	opt.Like = f.like
	return opt
}

// notNamed refuses an array whose name does not show what it is.
func notNamed(tree *files.Tree, name string) error {
	return fmt.Errorf("open %s: %w: it is not called like one of samples or labels, such as x_train.npy and y_train.npy",
		tree.At(name), ErrNoData)
}

// tableEndings are the file name endings of tables.
var tableEndings = []string{".csv", ".tsv", ".data", ".txt", ".dat", ".tab", ".asc"}

func (f *finder) arrays(train, test *files.Part, err error) (*contents, error) {
	return &contents{kind: "arrays", train: train, test: test}, err
}

// records reads an array of records as a table.
func (f *finder) records(tree *files.Tree, name string) (*contents, error) {
	r, err := array.ReadRecords(tree, name)
	if err != nil {
		return nil, err
	}
	f.account.Count("NumPy array of records (.npy)")
	p, err := table.Cells(r.Names, r.Rows, r.Cell, f.tables(), f.account)
	return &contents{kind: "table", train: p}, files.Named(tree.At(name), err)
}

// archive reads the data in a zip or tar archive.
func (f *finder) archive(tree *files.Tree, name string, kind files.Kind) (*contents, error) {
	if tree.IsArchive() {
		return nil, &files.Error{Path: tree.At(name), Place: files.Whole, Err: fmt.Errorf("%w: a %s inside an archive",
			files.ErrFormat, kind), Hint: "unpack the outer archive first"}
	}
	inner, err := files.OpenArchive(tree.At(name), kind)
	if err != nil {
		return nil, err
	}
	c, err := (*contents)(nil), isOffice(inner)
	if err == nil {
		c, err = f.folder(inner, ".", 0)
	}
	if err = errors.Join(err, inner.Close()); err != nil {
		return nil, err
	}
	c.kind += " in a " + string(kind)
	return c, nil
}

// isOffice refuses files of office programs, which are zip archives.
func isOffice(tree *files.Tree) error {
	for _, name := range []string{"[Content_Types].xml", "META-INF/manifest.xml"} {
		if _, err := fs.Stat(tree, name); err == nil {
			return &files.Error{Path: tree.Path, Place: files.Whole,
				Err: fmt.Errorf("%w: a spreadsheet or another file of an office program",
					files.ErrFormat), Hint: "save the table as CSV"}
		}
	}
	return nil
}

// oneOfMany reads the IDX or CIFAR files beside one of them.
func (f *finder) oneOfMany(tree *files.Tree, name string, kind files.Kind) (*contents, error) {
	_, loose, err := tree.List(".", nil)
	if err != nil {
		return nil, err
	}
	switch {
	case array.IsIDXName(name):
		if array.HasIDX(loose) {
			return f.idx(tree, loose, name)
		}
	case array.IsCIFARName(name):
		if c, err := f.cifar(tree, loose); c != nil || err != nil {
			return c, err
		}
	default:
		_, ext := files.Stem(name)
		if ext == ".npy" {
			return nil, notNamed(tree, name)
		}
		return nil, fmt.Errorf("open %s: %w: no reader for %s (%s)", tree.At(name), ErrNoData,
			cmp.Or(ext, "files without an ending, but those of IDX and CIFAR"), kind)
	}
	return nil, fmt.Errorf("open %s: %w: the other files of it are not beside it", tree.At(name), ErrNoData)
}

func (f *finder) idx(tree *files.Tree, names []string, only string) (*contents, error) {
	train, test, err := array.IDX(tree, names, only, f.arrayOptions(f.want), f.account)
	return &contents{kind: "IDX files", train: train, test: test, fromZero: true}, err
}

// cifar reads the CIFAR files of a folder; nil when it has none.
func (f *finder) cifar(tree *files.Tree, names []string) (*contents, error) {
	found := array.FindCIFAR(tree, names)
	if found == nil {
		return nil, nil
	}
	train, test, err := found.Read(tree, f.account)
	c := &contents{kind: found.Kind(), train: train, test: test, fromZero: true}
	if task := data.WellKnownTask(found.Name); err == nil && slices.Equal(found.ClassNames(tree, names), task.Classes) {
		c.known = task
	}
	return c, err
}

// maxWrapping bounds folders that hold nothing but one folder.
const maxWrapping = 8

// folder reads a folder of a tree. A folder that holds only another folder is
// replaced by it.
func (f *finder) folder(tree *files.Tree, dir string, depth int) (*contents, error) {
	folders, loose, err := tree.List(dir, f.account)
	if err != nil {
		return nil, err
	}
	switch {
	case array.HasIDX(loose):
		f.skipBeside(folders, loose, array.IsIDXName)
		return f.idx(tree, loose, "")
	case array.HasArrays(tree, dir):
		f.skipBeside(folders, loose, array.IsNumPy)
		return f.arrays(array.Folder(tree, dir, f.arrayOptions(f.want), f.account))
	}
	if c, err := f.cifar(tree, loose); c != nil || err != nil {
		f.skipBeside(folders, loose, array.IsCIFARName)
		return c, err
	}
	hasData := slices.ContainsFunc(loose, func(name string) bool { return isLoose(tree, name) })
	if len(folders) == 1 && depth < maxWrapping && !hasData && wraps(tree, folders[0]) {
		f.skipBeside(nil, loose, func(string) bool { return false })
		f.account.See("inside", "the data lie in the folder %s", folders[0])
		return f.folder(tree, folders[0], depth+1)
	}
	if picture.HasPictures(tree, dir, !hasData) {
		train, test, err := picture.Folder(tree, dir, f.pictureOptions(f.want), f.account)
		return &contents{kind: "folders of pictures", train: train, test: test}, err
	}
	if len(folders) > 0 && !hasData {
		if c, err := f.partFolders(tree, folders); c != nil || err != nil {
			f.skipBeside(nil, loose, func(string) bool { return false })
			return c, err
		}
	}
	f.skipBeside(folders, nil, nil)
	return f.loose(tree, dir, loose)
}

// skipBeside counts the folders and files beside those of a format.
func (f *finder) skipBeside(folders, loose []string, mine func(string) bool) {
	for _, name := range folders {
		f.account.Skip("folders beside the data", name)
	}
	for _, name := range loose {
		if !mine(name) {
			f.account.Skip("other files beside the data", name)
		}
	}
}

// wraps reports whether a single folder holds the data: it has folders, or no
// pictures.
func wraps(tree *files.Tree, inner string) bool {
	if files.IsPartName(path.Base(inner)) {
		return false
	}
	folders, _, err := tree.List(inner, nil)
	return err == nil && (len(folders) > 0 || !picture.HasPictures(tree, path.Dir(inner), true))
}

// isLoose reports whether a file in a folder can be a data set, or a part of one.
func isLoose(tree *files.Tree, name string) bool {
	stem, ext := files.Stem(name)
	if ext == ".txt" && files.PartWord(stem) == "" {
		return false // a description more often than a table
	}
	kind, err := tree.Sniff(name)
	if err != nil {
		return false
	}
	return slices.Contains([]files.Kind{files.Zip, files.Tar, files.Matlab, files.Parquet, files.Pickle},
		kind) || kind == files.NumPy && array.HasRecords(tree, name) || kind == files.Text &&
		slices.Contains(tableEndings, ext)
}

// loose reads the only data file of a folder, or the files of its parts.
func (f *finder) loose(tree *files.Tree, dir string, all []string) (*contents, error) {
	var found []string
	pictures := 0
	for _, name := range all {
		if isLoose(tree, name) {
			found = append(found, name)
			continue
		}
		f.account.Skip("no files of data", name)
		if kind, err := tree.Sniff(name); err == nil && kind.IsPicture() {
			pictures++
		}
	}
	if pictures > 0 && len(found) == 0 {
		return nil, &files.Error{Path: tree.At(dir), Place: files.Whole,
			Err:  fmt.Errorf("%w: %d pictures, and no folders of classes", files.ErrFormat, pictures),
			Hint: "put the pictures of each class into a folder of its name"}
	}
	if len(found) == 1 {
		kind, err := tree.Sniff(found[0])
		if err != nil {
			return nil, err
		}
		c, err := f.file(tree, found[0], kind)
		if c != nil || err != nil {
			return c, err
		}
	}
	if c, err := f.partFiles(tree, found, partOfFile); c != nil || err != nil {
		return c, err
	}
	if len(found) > 1 {
		return nil, fmt.Errorf("open %s: %w: it holds %s: name one of them", tree.At(dir), ErrNoData,
			strings.Join(found[:min(len(found), 5)], ", "))
	}
	return nil, fmt.Errorf("open %s: %w: want %s", tree.At(dir), ErrNoData, Formats)
}
