//go:build !unix

package main

func keepFilesPrivate() {}
