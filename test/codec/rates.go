package main

func (b *bench) rates() error { return nil }
