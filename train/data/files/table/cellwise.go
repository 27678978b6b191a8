package table

import "github.com/distillmesh/distillmesh/train/data/files"

// Cells reads a table whose fields are in memory as text, with column names.
func Cells(names []string, rows int, cell func(row, column int) string, opt Options, a *files.Account) (*files.Part,
	error) {
	t := &table{opt: opt, account: a, names: names}
	t.open = func() (source, func() error, error) {
		return &cells{rows: rows, cell: cell, row: make([]string, len(names))}, func() error { return nil }, nil
	}
	return t.read()
}

// cells are rows whose fields are in memory.
type cells struct {
	rows, at int
	cell     func(row, column int) string
	row      []string
}

func (c *cells) next() ([]string, int, error) {
	if c.at == c.rows {
		return nil, 0, nil
	}
	for i := range c.row {
		c.row[i] = c.cell(c.at, i)
	}
	c.at++
	return c.row, c.at, nil
}
